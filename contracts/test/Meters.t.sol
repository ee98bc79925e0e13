// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

contract MetersTest is Fixture {
    function test_registerMeters_opensARunOfMeters() public {
        uint32 first = METER + 101;
        vm.expectEmit(address(ledger));
        emit IMeterLedger.MetersRegistered(first, signers(3));
        vm.prank(ADMIN);
        ledger.registerMeters(first, signers(3));
        for (uint32 i = 0; i < 3; ++i) {
            vm.assertEq(ledger.meterSigner(first + i), vm.addr(METER_KEY + i));
            vm.assertTrue(ledger.meterStatus(first + i) == IMeterLedger.MeterStatus.Active);
            assertLatest(first + i, 0, 0, 0);
        }
        vm.assertTrue(ledger.meterStatus(first - 1) == IMeterLedger.MeterStatus.Unknown);
        vm.assertTrue(ledger.meterStatus(first + 3) == IMeterLedger.MeterStatus.Unknown);
        vm.assertEq(ledger.meterSigner(first + 3), address(0));
    }

    function test_registerMeters_reachesTheLastNumber() public {
        vm.startPrank(ADMIN);
        ledger.registerMeters((uint32(GROUP) << 16) | 0xfffe, signers(2));
        uint32 last = (uint32(GROUP) << 16) | 0xffff;
        vm.assertEq(ledger.meterSigner(last), vm.addr(METER_KEY + 1));
        expectError(abi.encodeWithSelector(IMeterLedger.OutsideGroup.selector, last, 2));
        ledger.registerMeters(last, signers(2));
        vm.stopPrank();
    }

    function test_registerMeters_failsIfWrong() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(IMeterLedger.ZeroGroup.selector);
        ledger.registerMeters(5, signers(1));
        vm.expectRevert(IMeterLedger.NoSigners.selector);
        ledger.registerMeters(METER, new address[](0));
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        ledger.registerMeters(METER + 100, new address[](1));
        expectError(abi.encodeWithSelector(IMeterLedger.MeterExists.selector, METER));
        ledger.registerMeters(METER - 1, signers(2));
        ledger.closeMeter(METER);
        expectError(abi.encodeWithSelector(IMeterLedger.MeterExists.selector, METER));
        ledger.registerMeters(METER, signers(1));
        vm.stopPrank();
    }

    function test_closeAndReopen_keepTheReading() public {
        submit("root", abi.encodePacked(header(0, 0), single(METER, NOW, 77, 66)));
        vm.startPrank(ADMIN);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.MeterClosed(METER);
        ledger.closeMeter(METER);
        vm.assertTrue(ledger.meterStatus(METER) == IMeterLedger.MeterStatus.Closed);
        vm.assertTrue(ledger.meterStatus(METER + 1) == IMeterLedger.MeterStatus.Active);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.MeterReopened(METER);
        ledger.reopenMeter(METER);
        vm.stopPrank();
        vm.assertTrue(ledger.meterStatus(METER) == IMeterLedger.MeterStatus.Active);
        assertLatest(METER, NOW, 77, 66);
    }

    function test_closeAndReopen_failIfWrong() public {
        uint32 unknown = METER + 100;
        bytes memory notKnown = abi.encodeWithSelector(IMeterLedger.UnknownMeter.selector, unknown);
        vm.startPrank(ADMIN);
        expectError(notKnown);
        ledger.closeMeter(unknown);
        expectError(notKnown);
        ledger.reopenMeter(unknown);
        expectError(abi.encodeWithSelector(IMeterLedger.MeterIsOpen.selector, METER));
        ledger.reopenMeter(METER);
        ledger.closeMeter(METER);
        expectError(abi.encodeWithSelector(IMeterLedger.MeterIsClosed.selector, METER));
        ledger.closeMeter(METER);
        vm.stopPrank();
    }

    function test_rotateSigner_takesEffectWithTheNextBatch() public {
        seal("one");
        vm.startPrank(ADMIN);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.SignerRotated(METER, NOBODY);
        ledger.rotateSigner(METER, NOBODY);
        vm.stopPrank();
        vm.assertEq(ledger.meterSigner(METER), NOBODY);
        vm.assertEq(ledger.meterSignerAt(METER, 0), address(0));
        vm.assertEq(ledger.meterSignerAt(METER, 1), vm.addr(METER_KEY));
        vm.assertEq(ledger.meterSignerAt(METER, 2), NOBODY);
    }

    function test_rotateSigner_remembersAll() public {
        for (uint256 i = 1; i <= 5; ++i) {
            vm.warp(NOW + i);
            seal(bytes32(i));
            vm.startPrank(ADMIN);
            ledger.rotateSigner(METER, address(uint160(i)));
            // A second rotation before the next batch: the first one never signs anything.
            ledger.rotateSigner(METER, address(uint160(i + 100)));
            vm.stopPrank();
        }
        vm.assertEq(ledger.meterSignerAt(METER, 1), vm.addr(METER_KEY));
        for (uint64 i = 2; i <= 6; ++i) {
            vm.assertEq(ledger.meterSignerAt(METER, i), address(uint160(i + 99)));
        }
    }

    function test_rotateSigner_failsIfWrong() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        ledger.rotateSigner(METER, address(0));
        expectError(abi.encodeWithSelector(IMeterLedger.UnknownMeter.selector, METER + 100));
        ledger.rotateSigner(METER + 100, NOBODY);
        expectError(
            abi.encodeWithSelector(IMeterLedger.SameSigner.selector, METER, vm.addr(METER_KEY))
        );
        ledger.rotateSigner(METER, vm.addr(METER_KEY));
        vm.stopPrank();
    }

    function test_latestReading_isForReadersServersAndAdmin() public {
        address[3] memory known = [READER, OTHER_SERVER, ADMIN];
        for (uint256 i = 0; i < known.length; ++i) {
            vm.prank(known[i]);
            ledger.latestReading(METER);
        }
        expectError(abi.encodeWithSelector(IMeterLedger.NotReader.selector, NOBODY));
        vm.prank(NOBODY);
        ledger.latestReading(METER);
        expectError(abi.encodeWithSelector(IMeterLedger.UnknownMeter.selector, METER + 100));
        vm.prank(READER);
        ledger.latestReading(METER + 100);
    }
}
