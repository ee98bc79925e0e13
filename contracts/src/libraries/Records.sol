// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Lanes} from "./Lanes.sol";

/// @title The record format, bit by bit
/// @notice The format is described at `IMeterLedger.submitBatch`; what readings mean for a meter is
/// MeterLedger's part. Positions are calldata offsets.
library Records {
    uint256 internal constant VERSION = 1;
    uint256 internal constant HEADER_BYTES = 7;
    uint256 internal constant HEAD_BYTES = 6;
    uint256 internal constant NUMBERS = 1 << 16;

    uint256 private constant QUALITY_SHIFT = 6;
    uint256 private constant TIME_CODE = 0x30;
    uint256 private constant TIME_U32 = 0x20;

    /// @notice A block and how far it is taken. FastPath knows the places of the fields.
    /// @param pos Where the next meter begins.
    /// @param number The number that the next meter has if no gap is before it.
    /// @param left How many meters are left.
    /// @param shape The shape of each meter's first item, without its gap bit.
    /// @param start What the first item is added to, as a reading.
    /// @param further How many further items each meter has.
    /// @param furtherShape The shape of further items.
    /// @param step What a further item adds besides what it holds, as a reading.
    /// @param stride Bytes of a first item.
    /// @param furtherBytes Bytes of a meter's further items.
    /// @param gapBytes Bytes before a first item that tell of a gap: 0 or 1.
    /// @param meterBytes Bytes of a meter, all together.
    /// @param steps All further items' steps together.
    /// @param timeLimit What readings are checked against so that none is too far ahead.
    /// @param lanes Storage slot of the group's lanes: meters 2k and 2k + 1 are at lanes + k.
    struct Block {
        uint256 pos;
        uint256 number;
        uint256 left;
        uint256 shape;
        uint256 start;
        uint256 further;
        uint256 furtherShape;
        uint256 step;
        uint256 stride;
        uint256 furtherBytes;
        uint256 gapBytes;
        uint256 meterBytes;
        uint256 steps;
        uint256 timeLimit;
        uint256 lanes;
    }

    /// @notice 32 bytes of calldata. Past its end they are zero; what is past the records is never
    /// used, because a block's end is checked before its items are read.
    function load(uint256 pos) internal pure returns (uint256 data) {
        assembly ("memory-safe") {
            data := calldataload(pos)
        }
    }

    function position(bytes calldata records) internal pure returns (uint256 pos) {
        assembly ("memory-safe") {
            pos := records.offset
        }
    }

    /// @notice The header, `ok` if it is one. Base time and interval are in seconds.
    function header(bytes calldata records)
        internal
        pure
        returns (bool ok, uint256 baseTime, uint256 interval)
    {
        uint256 data = load(position(records));
        ok = records.length >= HEADER_BYTES && data >> 248 == VERSION;
        baseTime = (data >> 216) & 0xffffffff;
        interval = (data >> 200) & 0xffff;
    }

    /// @notice Reads the block at `pos`: false if it breaks the format or does not end by `end`.
    function readBlock(
        Block memory blk,
        uint256 pos,
        uint256 end,
        uint256 baseTime,
        uint256 interval
    ) internal pure returns (bool ok, uint256 blockEnd) {
        uint256 head = load(pos);
        uint256 shape = (head >> 248) & 0x7f;
        uint256 furtherShape = (head >> 208) & 0xff;
        blk.gapBytes = head >> 255;
        blk.left = (head >> 240) & 0xff;
        blk.number = (head >> 224) & 0xffff;
        blk.further = (head >> 216) & 0xff;
        blk.shape = shape;
        blk.furtherShape = furtherShape;
        blk.start = Lanes.pack(shape & TIME_CODE == TIME_U32 ? 0 : baseTime, 0, 0);
        blk.step = Lanes.pack(furtherShape & TIME_CODE == 0 ? interval : 1, 0, 0);
        unchecked {
            // Counts and strides are bytes' worth, calldata offsets far below 2^256.
            blk.stride = strideOf(shape);
            blk.furtherBytes = blk.further * strideOf(furtherShape);
            blk.steps = blk.further * blk.step;
            blk.pos = pos + HEAD_BYTES;
            blk.meterBytes = blk.gapBytes + blk.stride + blk.furtherBytes;
            blockEnd = blk.pos + blk.left * blk.meterBytes;
            ok = blk.left != 0 && blk.number + blk.left <= NUMBERS && blockEnd <= end;
        }
        ok = ok && shape != 0 && _codesMean(shape, 0x10)
            && (blk.further == 0) == (furtherShape == 0);
        if (blk.further != 0) ok = ok && _codesMean(furtherShape, 0x95) && blk.step != 0;
    }

    /// @dev Code 3 is nothing in the fields whose low bits `threes` selects; so is bit 7.
    function _codesMean(uint256 shape, uint256 threes) private pure returns (bool) {
        return (shape & (shape >> 1) & threes) | (shape & threes & 0x80) == 0;
    }

    /// @notice Bytes of an item. A field of code c has 2c bytes.
    function strideOf(uint256 shape) internal pure returns (uint256) {
        unchecked {
            // At most 6 + 6 + 6 + 1.
            return ((shape & 0x30) >> 3) + ((shape & 0x0c) >> 1) + ((shape & 0x03) << 1)
                + ((shape >> QUALITY_SHIFT) & 1);
        }
    }

    /// @notice What the item whose bytes `data` begins with adds, as a reading.
    /// @dev The field of code c has 16c bits; a shift by 256 leaves zero.
    function item(uint256 data, uint256 shape) internal pure returns (uint256) {
        unchecked {
            // Bit counts are at most 3 * 48; fields are at most 48 bits wide, 48 bits apart.
            uint256 timeBits = shape & 0x30;
            uint256 importBits = (shape & 0x0c) << 2;
            uint256 exportBits = (shape & 0x03) << 4;
            uint256 time = data >> (256 - timeBits);
            uint256 importWh = data << timeBits >> (256 - importBits);
            uint256 exportWh = data << (timeBits + importBits) >> (256 - exportBits);
            return (time << Lanes.TIME_SHIFT) + (importWh << Lanes.IMPORT_SHIFT) + exportWh;
        }
    }
}
