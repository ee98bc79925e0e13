// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice What submitBatch promises, case by case. `Differential.t.sol` covers the rest.
contract BatchesTest is Fixture {
    bytes32 private constant ROOT = "root";

    function _malformed(uint256 offset, bytes memory records) private {
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MalformedRecords.selector, offset));
        submit(ROOT, records);
    }

    function _rejects(bytes memory records, uint32 meter, uint32 timestamp, uint8 reason) private {
        bytes32 root = keccak256(records);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ReadingRejected(root, meter, timestamp, reason);
        submit(root, records);
        vm.assertEq(ledger.batchInfo(GROUP, root).rejected, 1, "rejected");
    }

    function test_submitBatch_sealsAndTells() public {
        bytes memory records = abi.encodePacked(
            header(0, 0), single(METER, NOW, 123_456, 9), single(METER + 1, NOW + 1, 5, 0)
        );
        vm.roll(55);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.BatchSubmitted(ROOT, SERVER, GROUP, 1, 2, 0, records);
        submit(ROOT, records);

        IMeterLedger.Batch memory batch = ledger.batchInfo(GROUP, ROOT);
        vm.assertEq(batch.number, 1);
        vm.assertEq(batch.blockNumber, 55);
        vm.assertEq(batch.timestamp, NOW);
        vm.assertEq(batch.accepted, 2);
        vm.assertEq(batch.rejected, 0);
        vm.assertEq(ledger.batchCount(GROUP), 1);
        assertLatest(METER, NOW, 123_456, 9);
        assertLatest(METER + 1, NOW + 1, 5, 0);
    }

    function test_submitBatch_takesASeriesWithQuality() public {
        // Two meters, each with one absolute reading and three further ones: u16 + u16 + quality.
        bytes memory meter = abi.encodePacked(
            uint32(1000),
            uint32(10),
            uint8(0),
            uint16(1),
            uint16(2),
            uint8(4),
            uint16(10),
            uint16(20),
            uint8(0),
            uint16(100),
            uint16(200),
            uint8(1)
        );
        bytes memory head = abi.encodePacked(uint8(0x4a), uint8(2), uint16(METER), uint16(0x0345));
        submit(ROOT, abi.encodePacked(header(NOW - 5000, 900), head, meter, meter));
        assertLatest(METER, NOW - 5000 + 2700, 1111, 232);
        assertLatest(METER + 1, NOW - 5000 + 2700, 1111, 232);
        vm.assertEq(ledger.batchInfo(GROUP, ROOT).accepted, 8);
    }

    function test_submitBatch_repeatedChangesNothing() public {
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW, 1, 1)));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.BatchRepeated(ROOT, SERVER, GROUP, 1);
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW + 9, 9, 9)));
        assertLatest(METER, NOW, 1, 1);
        vm.assertEq(ledger.batchCount(GROUP), 1);
    }

    function test_submitBatch_groupsCannotTakeEachOthersRoots() public {
        vm.prank(OTHER_SERVER);
        ledger.submitBatch(ROOT, abi.encodePacked(header(0, 0), single(0, NOW, 5, 5)));
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW, 1, 1)));
        assertLatest(METER, NOW, 1, 1);
        assertLatest(uint32(OTHER_GROUP) << 16, NOW, 5, 5);
        vm.assertEq(ledger.batchInfo(GROUP, ROOT).number, 1);
        vm.assertEq(ledger.batchInfo(OTHER_GROUP, ROOT).number, 1);
    }

    function test_submitBatch_failsIfNoServerOrNoRoot() public {
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.NotServer.selector, NOBODY));
        vm.prank(NOBODY);
        ledger.submitBatch(ROOT, "");
        vm.expectRevert(IMeterLedger.ZeroRoot.selector);
        submit(0, "");
    }

    /* REJECTIONS */

    function test_reject_unknownMeter() public {
        uint32 meter = METER + 50;
        _rejects(abi.encodePacked(header(0, 0), single(meter, NOW, 1, 1)), meter, NOW, 1);
    }

    function test_reject_closedMeter() public {
        vm.prank(ADMIN);
        ledger.closeMeter(METER);
        _rejects(abi.encodePacked(header(0, 0), single(METER, NOW, 1, 1)), METER, NOW, 2);
        assertLatest(METER, 0, 0, 0);
    }

    function test_reject_rollbackOfEitherRegister() public {
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW, 10, 10)));
        _rejects(abi.encodePacked(header(0, 0), single(METER, NOW + 1, 9, 10)), METER, NOW + 1, 3);
        _rejects(abi.encodePacked(header(0, 0), single(METER, NOW + 1, 10, 9)), METER, NOW + 1, 3);
        assertLatest(METER, NOW, 10, 10);
    }

    function test_reject_stale() public {
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW, 10, 10)));
        _rejects(abi.encodePacked(header(0, 0), single(METER, NOW, 11, 11)), METER, NOW, 4);
        _rejects(abi.encodePacked(header(0, 0), single(METER, NOW - 1, 11, 11)), METER, NOW - 1, 4);
    }

    function test_reject_futureBeyondTheTolerance() public {
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW + 900, 1, 1)));
        assertLatest(METER, NOW + 900, 1, 1);
        uint32 late = NOW + 901;
        _rejects(abi.encodePacked(header(0, 0), single(METER, late, 1, 1)), METER, late, 5);
    }

    function test_reject_unsorted() public {
        _rejects(
            abi.encodePacked(
                header(0, 0),
                single(METER + 1, NOW, 1, 1),
                single(METER, NOW, 1, 1),
                single(METER + 1, NOW + 1, 1, 1),
                single(METER + 2, NOW, 1, 1)
            ),
            METER,
            NOW,
            6
        );
        assertLatest(METER, 0, 0, 0);
        assertLatest(METER + 1, NOW + 1, 1, 1);
        assertLatest(METER + 2, NOW, 1, 1);
    }

    function test_reject_oneOfASeriesTakesTheRest() public {
        submit(ROOT, abi.encodePacked(header(0, 0), single(METER, NOW - 100, 10, 0)));
        // Readings at NOW - 120, -110, -100, -90, -80: three are stale.
        bytes memory records = abi.encodePacked(
            header(NOW - 120, 10),
            uint8(0x04),
            uint8(1),
            uint16(METER),
            uint16(0x0404),
            uint16(11),
            uint64(0x0001000100010001)
        );
        submit("series", records);
        vm.assertEq(ledger.batchInfo(GROUP, "series").accepted, 2);
        vm.assertEq(ledger.batchInfo(GROUP, "series").rejected, 3);
        assertLatest(METER, NOW - 80, 15, 0);
    }

    /* MALFORMED */

    function test_malformed_header() public {
        _malformed(0, "");
        _malformed(0, hex"020000000000000400000a00000005");
        _malformed(0, hex"010000000000");
        _malformed(7, header(0, 0));
    }

    function test_malformed_head() public {
        bytes memory h = header(NOW, 0);
        _malformed(7, abi.encodePacked(h, hex"0400000a0000"));
        _malformed(7, abi.encodePacked(h, hex"0401000a000000")); // one byte short
        _malformed(7, abi.encodePacked(h, hex"0001000a0000"));
        _malformed(7, abi.encodePacked(h, hex"8001000a000000"));
        _malformed(7, abi.encodePacked(h, hex"3001000a0000000000000000"));
        _malformed(7, abi.encodePacked(h, hex"0402ffff000000010002"));
        _malformed(7, abi.encodePacked(h, hex"0401000a00040001"));
        _malformed(7, abi.encodePacked(h, hex"0401000a01000001"));
        _malformed(7, abi.encodePacked(h, hex"0401000a010400010001")); // no interval
        _malformed(7, abi.encodePacked(h, hex"0401000a018400010001"));
        _malformed(7, abi.encodePacked(h, hex"0401000a013000010000000000000001"));
        _malformed(7, abi.encodePacked(h, hex"0401000a011c00010000000000000001"));
        _malformed(7, abi.encodePacked(h, hex"0401000a011300010000000000000001"));
    }

    function test_malformed_secondBlock() public {
        _malformed(29, abi.encodePacked(header(0, 0), single(METER, NOW, 1, 1), uint8(1)));
    }

    function test_malformed_values() public {
        uint48 over = 1 << 47;
        _malformed(13, abi.encodePacked(header(0, 0), single(METER, NOW, over, 1)));
        _malformed(13, abi.encodePacked(header(0, 0), single(METER, NOW, 1, over)));
        _malformed(
            13, abi.encodePacked(header(type(uint32).max, 0), hex"1401000a00000001", uint16(1))
        );
    }

    function test_malformed_gapOutOfTheGroup() public {
        vm.prank(ADMIN);
        ledger.registerMeters((uint32(GROUP) << 16) | 0xfffe, signers(2));
        _malformed(16, abi.encodePacked(header(NOW, 0), hex"8402fffe0000000001010001"));
        submit(ROOT, abi.encodePacked(header(NOW, 0), hex"8401fffe0000010001"));
        assertLatest((uint32(GROUP) << 16) | 0xffff, NOW, 1, 0);
    }
}
