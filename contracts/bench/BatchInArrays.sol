// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TxPerReading} from "./TxPerReading.sol";

/// @title Readings as arrays, many in a transaction: the first thing one would do about the gas
/// @notice What TxPerReading does, in a loop: one bad reading takes the whole batch with it.
contract BatchInArrays is TxPerReading {
    constructor(address server, uint16 group, uint16 meters) TxPerReading(server, group, meters) {}

    function submitMany(
        uint32[] calldata meters,
        uint64[] calldata timestamps,
        uint128[] calldata importWh
    ) external {
        for (uint256 i = 0; i < meters.length; ++i) {
            submit(meters[i], timestamps[i], importWh[i]);
        }
    }
}
