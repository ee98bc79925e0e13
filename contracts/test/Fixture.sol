// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {MeterLedger} from "../src/MeterLedger.sol";
import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {vm} from "./Vm.sol";

/// @notice A ledger with two groups of meters, their servers, an operator and a reader.
abstract contract Fixture {
    bool public constant IS_TEST = true;

    uint32 internal constant NOW = 1_767_225_600; // 2026-01-01
    uint16 internal constant GROUP = 7;
    uint16 internal constant OTHER_GROUP = 8;
    uint32 internal constant METER = (uint32(GROUP) << 16) | 10;
    uint32 internal constant LAST_METER = METER + 9;

    address internal constant ADMIN = address(0xAD);
    address internal constant SERVER = address(0x5E);
    address internal constant OTHER_SERVER = address(0x5F);
    address internal constant READER = address(0x4E);
    address internal constant NOBODY = address(0xB0);

    uint256 internal constant OPERATOR_KEY = 0x0BE;
    uint256 internal constant METER_KEY = 0x3E7E4;

    MeterLedger internal ledger;

    function setUp() public virtual {
        vm.warp(NOW);
        ledger = new MeterLedger(ADMIN);
        vm.startPrank(ADMIN);
        ledger.addServer(SERVER, GROUP);
        ledger.addServer(OTHER_SERVER, OTHER_GROUP);
        ledger.addReader(READER);
        ledger.addOperator(vm.addr(OPERATOR_KEY));
        ledger.registerMeters(METER, signers(10));
        ledger.registerMeters(uint32(OTHER_GROUP) << 16, signers(2));
        vm.stopPrank();
    }

    /// @notice The signer of the fixture's meter i is the address of key METER_KEY + i.
    function signers(uint256 count) internal pure returns (address[] memory list) {
        list = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = vm.addr(METER_KEY + i);
        }
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /* RECORDS */

    function header(uint32 baseTime, uint16 interval) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), baseTime, interval);
    }

    /// @notice A block of one meter with one absolute reading of full width.
    function single(uint32 meter, uint32 timestamp, uint48 importWh, uint48 exportWh)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            uint8(0x2f), uint8(1), uint16(meter), uint16(0), timestamp, importWh, exportWh
        );
    }

    function submit(bytes32 root, bytes memory records) internal {
        vm.prank(SERVER);
        ledger.submitBatch(root, records);
    }

    function seal(bytes32 root) internal {
        submit(
            root, abi.encodePacked(header(0, 0), single(LAST_METER, uint32(block.timestamp), 0, 0))
        );
    }

    /* CHECKS */

    function assertLatest(uint32 meter, uint256 timestamp, uint256 importWh, uint256 exportWh)
        internal
    {
        vm.prank(READER);
        (uint32 t, uint48 i, uint48 e) = ledger.latestReading(meter);
        vm.assertEq(t, timestamp, "timestamp");
        vm.assertEq(i, importWh, "import");
        vm.assertEq(e, exportWh, "export");
    }

    function expectError(bytes memory data) internal {
        vm.expectRevert(data);
    }

    function expectNotAdmin() internal {
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.NotAdmin.selector, NOBODY));
        vm.prank(NOBODY);
    }
}
