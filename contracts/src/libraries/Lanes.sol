// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title A meter's lane: its status and its last reading in 128 bits
/// @notice Two meters share a storage word, the even number's lane in the lower half:
///
///     lane     time 32 | open 1 | importWh 47 | known 1 | exportWh 47
///
/// A lane of zeros is an unknown meter, `known` alone a closed one, both flags an open one. A
/// *reading* here is a lane without flags. The flags stand where a register's sum or difference
/// would carry or borrow, so one addition or subtraction serves all three fields at once, and the
/// flag's place tells how a field fared. Bit 128, above the lane, does the same for the time.
/// @dev `test/Lanes.t.sol` compares each function with field-by-field arithmetic.
library Lanes {
    uint256 internal constant MASK = (1 << 128) - 1;
    uint256 internal constant TIME_SHIFT = 96;
    uint256 internal constant IMPORT_SHIFT = 48;

    uint256 private constant OPEN = 1 << 95;
    uint256 private constant KNOWN = 1 << 47;
    /// @dev The flags of an open meter.
    uint256 internal constant FLAGS = OPEN | KNOWN;

    uint256 private constant WH_MASK = (1 << 47) - 1;
    uint256 private constant READING = MASK ^ FLAGS;
    uint256 private constant ABOVE = 1 << 128;
    uint256 private constant ONE_SECOND = 1 << TIME_SHIFT;

    /// @dev For `FastPath`. A difference of readings that starts with these bits set, one above
    /// each field, keeps each of them exactly where the field does not underflow.
    uint256 internal constant FATES = ABOVE | FLAGS;
    /// @dev For `FastPath`. reading + RISE - lane = (reading + FATES) - (last + ONE_SECOND), where
    /// `last` is the open lane's reading: keeps the fates if the reading is later, none fell.
    uint256 internal constant RISE = FATES + FLAGS - ONE_SECOND;

    function pack(uint256 timestamp, uint256 importWh, uint256 exportWh)
        internal
        pure
        returns (uint256 reading)
    {
        return (timestamp << TIME_SHIFT) | (importWh << IMPORT_SHIFT) | exportWh;
    }

    function unpack(uint256 lane)
        internal
        pure
        returns (uint32 timestamp, uint48 importWh, uint48 exportWh)
    {
        timestamp = uint32(time(lane));
        importWh = uint48((lane >> IMPORT_SHIFT) & WH_MASK);
        exportWh = uint48(lane & WH_MASK);
    }

    function time(uint256 lane) internal pure returns (uint256) {
        return lane >> TIME_SHIFT;
    }

    function isOpen(uint256 lane) internal pure returns (bool) {
        return lane & FLAGS == FLAGS;
    }

    function isKnown(uint256 lane) internal pure returns (bool) {
        return lane & KNOWN != 0;
    }

    function open(uint256 lane) internal pure returns (uint256) {
        return lane | FLAGS;
    }

    function close(uint256 lane) internal pure returns (uint256) {
        return lane & ~OPEN;
    }

    /// @notice Whether each field of a sum fits its place.
    function fits(uint256 reading) internal pure returns (bool) {
        return reading & ~READING == 0;
    }

    /// @notice Whether a register of the reading is below the lane's.
    function hasFallen(uint256 reading, uint256 lane) internal pure returns (bool) {
        return (reading >> IMPORT_SHIFT) & WH_MASK < (lane >> IMPORT_SHIFT) & WH_MASK
            || reading & WH_MASK < lane & WH_MASK;
    }

    /// @notice What readings are compared with so that none is later than `timestamp`.
    /// @dev limit - reading keeps the fates if the reading is not past it and its registers fit:
    /// the limit's registers are 2^48 - 1.
    function limit(uint256 timestamp) internal pure returns (uint256) {
        return ABOVE | (timestamp << TIME_SHIFT) | (ONE_SECOND - 1);
    }

    /// @notice Whether a reading that fits is past the limit.
    function isPast(uint256 reading, uint256 timeLimit) internal pure returns (bool) {
        return reading | ABOVE > timeLimit;
    }
}
