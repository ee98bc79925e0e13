// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {Lanes} from "./Lanes.sol";

/// @title The record format, byte by byte
/// @notice Takes blocks and items out of the records of a batch; what they mean for a meter is
/// MeterLedger's part. The format is described at `IMeterLedger.submitBatch`.
library Records {
    uint256 internal constant VERSION = 1;
    uint256 internal constant HEADER_BYTES = 7;

    uint256 private constant SHAPE_FIRST = 0x80;
    uint256 private constant SHAPE_QUALITY = 0x40;

    /// @notice The records of a batch and how far they are read.
    /// @param begin Where they begin in the calldata.
    /// @param next Where the next block begins in the calldata.
    /// @param end Where they end in the calldata.
    /// @param baseTime The header's base time, as a wide reading.
    /// @param interval The header's interval, as a wide reading.
    struct Reader {
        uint256 begin;
        uint256 next;
        uint256 end;
        uint256 baseTime;
        uint256 interval;
    }

    /// @notice A block: what its items have in common.
    /// @param first Whether each item is the first reading of the next meter.
    /// @param number The meter of the first item, if `first`.
    /// @param items Where the items begin in the calldata.
    /// @param end Where the items end in the calldata.
    /// @param count How many items.
    /// @param stride Bytes of an item.
    /// @param keep Selects the fields of the item before that are added to.
    /// @param step What is added besides, as a wide reading.
    /// @param timeShift Moves an item's first word right so that its time is left.
    /// @param importSkip Moves an item's first word left to its import.
    /// @param importShift Then moves it right so that import is left.
    /// @param exportSkip As importSkip.
    /// @param exportShift As importShift.
    struct Block {
        bool first;
        uint256 number;
        uint256 items;
        uint256 end;
        uint256 count;
        uint256 stride;
        uint256 keep;
        uint256 step;
        uint256 timeShift;
        uint256 importSkip;
        uint256 importShift;
        uint256 exportSkip;
        uint256 exportShift;
    }

    function open(bytes calldata records) internal pure returns (Reader memory reader) {
        uint256 begin;
        assembly ("memory-safe") {
            begin := records.offset
        }
        uint256 header = word(begin);
        if (records.length < HEADER_BYTES || header >> 248 != VERSION) {
            revert IMeterLedger.MalformedRecords(0);
        }
        unchecked {
            // Offsets into calldata are far below 2^256.
            reader.begin = begin;
            reader.next = begin + HEADER_BYTES;
            reader.end = begin + records.length;
        }
        reader.baseTime = Lanes.pack((header >> 216) & 0xffffffff, 0, 0);
        reader.interval = Lanes.pack((header >> 200) & 0xffff, 0, 0);
    }

    function done(Reader memory reader) internal pure returns (bool) {
        return reader.next == reader.end;
    }

    /// @notice Reads the next block's head into `blk` and moves the reader behind its items.
    function nextBlock(Reader memory reader, Block memory blk) internal pure {
        uint256 at = reader.next;
        uint256 head = word(at);
        uint256 shape = head >> 248;
        uint256 count = (head >> 240) & 0xff;
        unchecked {
            // All of it is bounded by a byte's or two bytes' worth of small numbers.
            blk.first = shape & SHAPE_FIRST != 0;
            blk.number = (head >> 224) & 0xffff;
            blk.count = count;
            blk.items = at + (blk.first ? 4 : 2);
            _setShape(blk, shape, reader);
            blk.end = blk.items + count * blk.stride;
            bool wrong = count == 0 || shape & 0x30 == 0x30 || blk.end > reader.end
                || (blk.first && blk.number + count > 0x10000)
                || (!blk.first && at == reader.begin + HEADER_BYTES);
            if (wrong) revert IMeterLedger.MalformedRecords(at - reader.begin);
        }
        reader.next = blk.end;
    }

    /// @notice The wide reading of the item at `at`, given the item before.
    function item(Block memory blk, uint256 at, uint256 before)
        internal
        pure
        returns (uint256 wide)
    {
        uint256 data = word(at);
        unchecked {
            // Fields are at most 48 bits in 64, and so are their sums: no carry between them.
            wide = (before & blk.keep) + blk.step
                + ((data >> blk.timeShift) << Lanes.WIDE_TIME_SHIFT)
                + ((data << blk.importSkip >> blk.importShift) << Lanes.WIDE_IMPORT_SHIFT)
                + (data << blk.exportSkip >> blk.exportShift);
        }
    }

    /// @dev Codes are 0..3; a field of code c has 2c bytes, 16c bits. A shift by 256 leaves zero.
    function _setShape(Block memory blk, uint256 shape, Reader memory reader) private pure {
        unchecked {
            // Shifts are sums of at most 16 * (2 + 3) bits and 256.
            uint256 timeCode = (shape >> 4) & 3;
            uint256 importCode = (shape >> 2) & 3;
            uint256 exportCode = shape & 3;
            blk.timeShift = 256 - 16 * timeCode;
            blk.importSkip = 16 * timeCode;
            blk.importShift = 256 - 16 * importCode;
            blk.exportSkip = 16 * (timeCode + importCode);
            blk.exportShift = 256 - 16 * exportCode;
            blk.stride = 2 * (timeCode + importCode + exportCode)
                + (shape & SHAPE_QUALITY == 0 ? 0 : 1);
            if (blk.first) {
                blk.keep = 0;
                blk.step = timeCode == 2 ? 0 : reader.baseTime;
            } else {
                blk.keep = Lanes.pack(
                    timeCode == 2 ? 0 : Lanes.WIDE_FIELD,
                    importCode == 3 ? 0 : Lanes.WIDE_FIELD,
                    exportCode == 3 ? 0 : Lanes.WIDE_FIELD
                );
                blk.step = timeCode == 0 ? reader.interval : 0;
            }
        }
    }

    /// @dev Calldata beyond its end reads as zeros; what lies beyond the records is not used,
    /// because a block's end is checked before its items are read.
    function word(uint256 at) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(at)
        }
    }
}
