// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../interfaces/IMeterLedger.sol";

/// @title EIP-712 struct hashes of what meters and operators sign
library Digests {
    bytes32 internal constant READING_TYPEHASH =
        keccak256("Reading(uint32 timestamp,uint48 importWh,uint48 exportWh,uint8 quality)");
    bytes32 internal constant REPORT_TYPEHASH = keccak256(
        "Report(uint32 meter,uint32 sequence,Reading[] readings)"
        "Reading(uint32 timestamp,uint48 importWh,uint48 exportWh,uint8 quality)"
    );
    bytes32 internal constant COMMAND_TYPEHASH =
        keccak256("Command(uint64 id,uint32 meter,uint8 kind,uint32 argument,uint40 notAfter)");
    bytes32 internal constant RESULT_TYPEHASH =
        keccak256("CommandResult(uint64 id,uint32 meter,uint8 outcome,uint32 timestamp)");

    function hashReport(IMeterLedger.Report calldata report) internal pure returns (bytes32) {
        bytes32[] memory readings = new bytes32[](report.readings.length);
        for (uint256 i = 0; i < readings.length; ++i) {
            readings[i] = keccak256(abi.encode(READING_TYPEHASH, report.readings[i]));
        }
        return keccak256(
            abi.encode(
                REPORT_TYPEHASH,
                report.meter,
                report.sequence,
                keccak256(abi.encodePacked(readings))
            )
        );
    }

    function hashCommand(IMeterLedger.Command calldata command) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMMAND_TYPEHASH, command));
    }

    function hashResult(IMeterLedger.CommandResult calldata result)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(RESULT_TYPEHASH, result));
    }
}
