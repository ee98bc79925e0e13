// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title One transaction per reading: what MeterLedger is compared with
/// @notice The paper's way (a mapping from meter to its last reading, one call each, an event),
/// with the checks that MeterLedger makes: listed server, its own group, open meter, rising time,
/// no falling register, no far future. Import only, which favours this side.
contract TxPerReading {
    struct Last {
        uint64 timestamp;
        uint128 importWh;
        bool open;
    }

    error Refused(uint8 reason);

    event ReadingStored(uint32 indexed meter, uint64 timestamp, uint128 importWh);

    mapping(address server => uint16 group) public serverGroup;
    mapping(uint32 meter => Last last) public lastReading;

    constructor(address server, uint16 group, uint16 meters) {
        serverGroup[server] = group;
        for (uint32 i = 0; i < meters; ++i) {
            lastReading[(uint32(group) << 16) | i] = Last(0, 0, true);
        }
    }

    function submit(uint32 meter, uint64 timestamp, uint128 importWh) public {
        uint16 group = serverGroup[msg.sender];
        if (group == 0 || group != meter >> 16) revert Refused(0);
        Last storage last = lastReading[meter];
        if (!last.open) revert Refused(1);
        if (timestamp <= last.timestamp) revert Refused(4);
        if (timestamp > block.timestamp + 15 minutes) revert Refused(5);
        if (importWh < last.importWh) revert Refused(3);
        last.timestamp = timestamp;
        last.importWh = importWh;
        emit ReadingStored(meter, timestamp, importWh);
    }
}
