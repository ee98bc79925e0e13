// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice What calls cost, kept in snapshots/*.json and compared there. Execution only; whole
/// receipts on a node are `tests/bench/gas.mjs`'s part.
contract GasTest is Fixture {
    uint32 private constant FIRST = (uint32(GROUP) << 16) | 4096;

    function setUp() public override {
        super.setUp();
        vm.prank(ADMIN);
        ledger.registerMeters(FIRST, signers(200));
    }

    function _meters(uint256 round, uint256 count, bool gaps, uint8 further)
        private
        pure
        returns (bytes memory out)
    {
        uint8 shape = gaps ? 0x9a : 0x1a;
        uint8 furtherShape = further == 0 ? 0 : 5;
        out = abi.encodePacked(shape, uint8(count), uint16(FIRST), further, furtherShape);
        for (uint256 i = 0; i < count; ++i) {
            if (gaps) out = abi.encodePacked(out, uint8(1));
            out = abi.encodePacked(out, uint16(i), uint32(1e6 + round * 1e5 + i * 7), uint32(i));
            for (uint256 k = 0; k < further; ++k) {
                out = abi.encodePacked(out, uint16(150), uint16(0));
            }
        }
    }

    function _measure(string memory name, uint256 count, bool gaps, uint8 further) private {
        for (uint256 round = 0; round < 2; ++round) {
            uint32 base = uint32(NOW - 200_000 + round * 100_000);
            bytes memory meters = _meters(round, count, gaps, further);
            submit(bytes32(round + 1), abi.encodePacked(header(base, 900), meters));
        }
        vm.snapshotGasLastCall("submitBatch", name);
        vm.assertEq(ledger.batchInfo(GROUP, bytes32(uint256(2))).rejected, 0);
    }

    function test_gas_oneReading() public {
        _measure("1 meter", 1, false, 0);
    }

    function test_gas_dense() public {
        _measure("100 neighbouring meters", 100, false, 0);
    }

    function test_gas_sparse() public {
        _measure("50 meters with gaps", 50, true, 0);
    }

    function test_gas_series() public {
        _measure("100 neighbouring meters, 4 readings each", 100, false, 3);
    }

    function test_gas_profile() public {
        _measure("10 neighbouring meters, 96 readings each", 10, false, 95);
    }

    function test_gas_rejected() public {
        bytes memory records = abi.encodePacked(header(NOW, 900), _meters(0, 50, false, 0));
        submit("one", records);
        submit("two", records);
        vm.snapshotGasLastCall("submitBatch", "50 stale readings");
        records = abi.encodePacked(header(NOW - 100_000, 900), _meters(0, 1, false, 95));
        submit("three", records);
        vm.snapshotGasLastCall("submitBatch", "96 stale readings of a meter");
    }

    function test_gas_registerMeters() public {
        vm.prank(ADMIN);
        ledger.registerMeters(FIRST + 1000, signers(100));
        vm.snapshotGasLastCall("registry", "registerMeters, 100");
        vm.prank(ADMIN);
        ledger.rotateSigner(FIRST, NOBODY);
        vm.snapshotGasLastCall("registry", "rotateSigner");
    }

    function test_gas_issueCommand() public {
        IMeterLedger.Command memory command = IMeterLedger.Command(1, METER, 1, 0, NOW + 60);
        bytes memory signature = sign(OPERATOR_KEY, ledger.commandDigest(command));
        ledger.issueCommand(command, signature);
        vm.snapshotGasLastCall("control", "issueCommand");
    }
}
