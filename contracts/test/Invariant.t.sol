// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {MeterLedger} from "../src/MeterLedger.sol";
import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice Does to a ledger what servers and the admin may do, and watches each step.
contract Handler {
    uint16 private constant GROUPS = 2;
    uint32 private constant METERS = 6;
    address private constant ADMIN = address(0xAD);

    MeterLedger public immutable LEDGER;
    uint256 public submitted;
    uint256 public taken;
    uint256 public refused;
    uint256 public batches;
    bool public fell;
    bool public strayed;
    bool public overwritten;

    struct Last {
        uint32 timestamp;
        uint48 importWh;
        uint48 exportWh;
    }

    mapping(bytes32 root => bytes32 info) private _sealed;

    constructor(MeterLedger ledger) {
        LEDGER = ledger;
    }

    function server(uint16 group) public pure returns (address) {
        return address(uint160(0x5E00) + group);
    }

    function submitNoRevert(uint16 group, uint256 seed, uint8 count) external {
        group = 1 + group % GROUPS;
        bytes32 root = keccak256(abi.encode(seed % 40));
        bytes32 key = keccak256(abi.encode(group, root));
        Last[] memory before = _all();
        uint256 number = 1 + count % 12;
        bytes memory records = abi.encodePacked(uint8(1), uint32(0), uint16(60));
        uint256 readings;
        for (uint256 i = 0; i < number; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 further = seed % 3;
            records = abi.encodePacked(records, _block(seed, uint8(further)));
            readings += 1 + further;
        }
        vm.startPrank(server(group));
        LEDGER.submitBatch(root, records);
        vm.stopPrank();

        bytes32 info = keccak256(abi.encode(LEDGER.batchInfo(group, root)));
        if (_sealed[key] != 0) {
            if (_sealed[key] != info) overwritten = true;
            _compare(before, 0);
            return;
        }
        _sealed[key] = info;
        submitted += readings;
        taken += LEDGER.batchInfo(group, root).accepted;
        refused += LEDGER.batchInfo(group, root).rejected;
        ++batches;
        _compare(before, group);
    }

    function closeOrReopenNoRevert(uint32 index) external {
        uint32 meter = _meter(index % (METERS * GROUPS));
        bool open = LEDGER.meterStatus(meter) == IMeterLedger.MeterStatus.Active;
        vm.startPrank(ADMIN);
        if (open) LEDGER.closeMeter(meter);
        else LEDGER.reopenMeter(meter);
        vm.stopPrank();
    }

    function rotateNoRevert(uint32 index, uint160 key) external {
        uint32 meter = _meter(index % (METERS * GROUPS));
        if (key == 0 || LEDGER.meterSigner(meter) == address(key)) return;
        vm.startPrank(ADMIN);
        LEDGER.rotateSigner(meter, address(key));
        vm.stopPrank();
    }

    function waitNoRevert(uint16 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 1000);
    }

    function _block(uint256 seed, uint8 further) private view returns (bytes memory) {
        uint256 number = (seed >> 8) % (METERS + 1); // the last one is unknown
        uint256 time = block.timestamp - 1000 + (seed >> 16) % 2200;
        bytes memory head = abi.encodePacked(
            uint8(0x2a), uint8(1), uint16(number), further, further == 0 ? uint8(0) : uint8(4)
        );
        bytes memory tail = further == 0
            ? bytes("")
            : further == 1 ? abi.encodePacked(uint16(9)) : abi.encodePacked(uint16(0), uint16(7));
        return abi.encodePacked(
            head, uint32(time), uint32((seed >> 40) % 5000), uint32((seed >> 80) % 5000), tail
        );
    }

    function _meter(uint32 index) private pure returns (uint32) {
        return (uint32(1 + index / METERS) << 16) | (index % METERS);
    }

    function _all() private returns (Last[] memory all) {
        all = new Last[](METERS * GROUPS);
        vm.startPrank(ADMIN);
        for (uint32 i = 0; i < all.length; ++i) {
            (all[i].timestamp, all[i].importWh, all[i].exportWh) = LEDGER.latestReading(_meter(i));
        }
        vm.stopPrank();
    }

    /// @dev What changed must have changed upwards, and in the sender's group only.
    function _compare(Last[] memory before, uint16 group) private {
        Last[] memory now_ = _all();
        for (uint32 i = 0; i < now_.length; ++i) {
            bytes32 was = keccak256(abi.encode(before[i]));
            if (was == keccak256(abi.encode(now_[i]))) continue;
            if (_meter(i) >> 16 != group) strayed = true;
            if (now_[i].timestamp <= before[i].timestamp) fell = true;
            if (now_[i].importWh < before[i].importWh) fell = true;
            if (now_[i].exportWh < before[i].exportWh) fell = true;
        }
    }
}

contract InvariantTest is Fixture {
    Handler private handler;

    function setUp() public override {
        vm.warp(NOW);
        ledger = new MeterLedger(ADMIN);
        handler = new Handler(ledger);
        vm.startPrank(ADMIN);
        for (uint16 group = 1; group <= 2; ++group) {
            ledger.addServer(handler.server(group), group);
            ledger.registerMeters(uint32(group) << 16, signers(6));
        }
        vm.stopPrank();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    function invariant_registersNeverFallAndTimeRises() public view {
        vm.assertFalse(handler.fell());
    }

    function invariant_aServerWritesItsOwnGroupOnly() public view {
        vm.assertFalse(handler.strayed());
    }

    function invariant_rootsAreNeverOverwritten() public view {
        vm.assertFalse(handler.overwritten());
    }

    function invariant_acceptedAndRejectedAreAllThatWasSubmitted() public view {
        vm.assertEq(handler.taken() + handler.refused(), handler.submitted());
    }

    function invariant_batchesAreCountedWithoutGaps() public view {
        uint256 count = uint256(ledger.batchCount(1)) + ledger.batchCount(2);
        vm.assertEq(count, handler.batches());
    }
}
