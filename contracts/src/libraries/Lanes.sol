// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title A meter's last reading, as stored and as worked on
/// @notice Two meters share a storage word, 128 bits each:
///
///     lane    status 2 | time 32 | import 47 | export 47
///
/// Work is done on the *wide* form, where each field has room to spare, so that one addition or one
/// subtraction serves all three at once:
///
///     wide    (0) | time 64 | import 64 | export 64
///
/// @dev `LanesTest` compares each function with field-by-field arithmetic.
library Lanes {
    uint256 internal constant STATUS_SHIFT = 126;
    /// The status field of an open meter.
    uint256 internal constant ACTIVE = 1 << STATUS_SHIFT;
    uint256 internal constant LANE_MASK = (1 << 128) - 1;

    uint256 internal constant WIDE_TIME_SHIFT = 128;
    uint256 internal constant WIDE_IMPORT_SHIFT = 64;
    uint256 internal constant WIDE_FIELD = (1 << 64) - 1;

    uint256 private constant WH_MASK = (1 << 47) - 1;
    uint256 private constant TIME_MASK = (1 << 32) - 1;

    /// The bits of the wide form that are zero in a valid reading.
    uint256 private constant OUT_OF_RANGE =
        ~((TIME_MASK << WIDE_TIME_SHIFT) | (WH_MASK << WIDE_IMPORT_SHIFT) | WH_MASK);

    /// The top bit of each wide field: set before a subtraction, gone where the field underflows.
    uint256 private constant GUARDS = (1 << 191) | (1 << 127) | (1 << 63);

    uint256 private constant ONE_SECOND = 1 << WIDE_TIME_SHIFT;

    /// @notice A wide reading that no valid reading can follow.
    uint256 internal constant UNREACHABLE = 1 << (WIDE_TIME_SHIFT + 32);

    function status(uint256 lane) internal pure returns (uint256) {
        return lane >> STATUS_SHIFT;
    }

    function widen(uint256 lane) internal pure returns (uint256) {
        return ((lane & (TIME_MASK << 94)) << 34) | ((lane & (WH_MASK << 47)) << 17)
            | (lane & WH_MASK);
    }

    /// @notice The lane of a valid wide reading, status 0.
    function narrow(uint256 wide) internal pure returns (uint256) {
        return (wide >> WIDE_TIME_SHIFT << 94)
            | ((wide & (WH_MASK << WIDE_IMPORT_SHIFT)) >> 17) | (wide & WH_MASK);
    }

    function pack(uint256 time, uint256 importWh, uint256 exportWh)
        internal
        pure
        returns (uint256 wide)
    {
        return (time << WIDE_TIME_SHIFT) | (importWh << WIDE_IMPORT_SHIFT) | exportWh;
    }

    /// @notice Whether each field fits the lane.
    function fits(uint256 wide) internal pure returns (bool) {
        return wide & OUT_OF_RANGE == 0;
    }

    /// @notice Whether `next` is later than `last` and neither register fell.
    function follows(uint256 next, uint256 last) internal pure returns (bool) {
        unchecked {
            // No field borrows from its neighbour: the guard bit is above every field's value.
            return ((next | GUARDS) - last - ONE_SECOND) & GUARDS == GUARDS;
        }
    }

    function unpack(uint256 wide)
        internal
        pure
        returns (uint32 timestamp, uint48 importWh, uint48 exportWh)
    {
        return (uint32(time(wide)), uint48(wide >> WIDE_IMPORT_SHIFT), uint48(wide));
    }

    function time(uint256 wide) internal pure returns (uint256) {
        return wide >> WIDE_TIME_SHIFT;
    }
}
