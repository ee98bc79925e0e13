// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Records} from "./Records.sol";

/// @title The way that good readings go, in assembly
/// @notice Takes the meters of a block as long as every reading of a meter is good. The first meter
/// with any reading that is not is left to MeterLedger's plain Solidity, which alone decides on and
/// tells of rejections. So all that this library can get wrong is to take a reading that should
/// not be taken, or the wrong number; `test/Differential.t.sol` compares it with a plain model.
/// @dev Why one check a meter is enough: further items only add, and the time they add is never
/// zero. If the first reading follows the meter's lane, the others follow each other; and if the
/// last one fits and is not past the limit, nor is one before it.
library FastPath {
    /// @dev As in Lanes, which explains them; assembly wants literals. `test/Lanes.t.sol` compares.
    uint256 internal constant MASK = 0xffffffffffffffffffffffffffffffff;
    uint256 internal constant FLAGS = 0x800000000000800000000000;
    uint256 internal constant NOT_FLAGS =
        0xffffffffffffffffffffffffffffffffffffffff7fffffffffff7fffffffffff;
    uint256 internal constant FATES = 0x100000000800000000000800000000000;
    uint256 internal constant RISE = 0x100000000000000000001000000000000;

    /// @dev Every second 16 bits.
    uint256 private constant HALVES =
        0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;

    /// @dev Where Records.Block has its fields.
    uint256 private constant POS = 0x00;
    uint256 private constant NUMBER = 0x20;
    uint256 private constant LEFT = 0x40;
    uint256 private constant SHAPE = 0x60;
    uint256 private constant START = 0x80;
    uint256 private constant FURTHER = 0xa0;
    uint256 private constant FURTHER_SHAPE = 0xc0;
    uint256 private constant STRIDE = 0x100;
    uint256 private constant FURTHER_BYTES = 0x120;
    uint256 private constant GAP_BYTES = 0x140;
    uint256 private constant METER_BYTES = 0x160;
    uint256 private constant STEPS = 0x180;
    uint256 private constant TIME_LIMIT = 0x1a0;
    uint256 private constant LANES = 0x1c0;

    /// @notice Takes meters from the next one on; leaves `blk` at the first one not taken.
    function takeRun(Records.Block memory blk) internal {
        if (blk.further == 0 && blk.gapBytes == 0) _takeNeighbours(blk);
        else _takeMeters(blk);
    }

    /// @dev Meters next to each other, one reading each: the loop that a dense batch is made of.
    // solhint-disable-next-line function-max-lines
    function _takeNeighbours(Records.Block memory blk) private {
        assembly ("memory-safe") {
            // The stack is full: what does not fit is in the two words of scratch memory.
            mstore(0x00, mload(add(blk, TIME_LIMIT)))
            mstore(0x20, mload(add(blk, START)))

            let stride := mload(add(blk, STRIDE))
            let pos := mload(add(blk, POS))
            let end := add(pos, mul(stride, mload(add(blk, LEFT))))
            let slot := mload(add(blk, NUMBER)) // for now
            let shift := shl(7, and(slot, 1))
            slot := add(mload(add(blk, LANES)), shr(1, slot))
            let word := sload(slot)

            // Where an item's fields are: see Records.item.
            let importAt := mload(add(blk, SHAPE)) // for now
            let exportDrop := sub(256, shl(4, and(importAt, 0x03)))
            let importDrop := sub(256, shl(2, and(importAt, 0x0c)))
            importAt := and(importAt, 0x30)
            let timeDrop := sub(256, importAt)
            let exportAt := add(importAt, sub(256, importDrop))

            for {} xor(pos, end) {} {
                let reading :=
                    add(
                        add(mload(0x20), shl(96, shr(timeDrop, calldataload(pos)))),
                        add(
                            shl(48, shr(importDrop, shl(importAt, calldataload(pos)))),
                            shr(exportDrop, shl(exportAt, calldataload(pos)))
                        )
                    )
                // Lanes tells of the fates: each is a bit that stays if all is well. The time is
                // below 2^32 + 2^16, so the limit's subtraction wraps in no year after 1970.
                let lane := and(shr(shift, word), MASK)
                if xor(
                    and(
                        and(sub(mload(0x00), reading), sub(add(reading, RISE), lane)),
                        and(or(lane, NOT_FLAGS), FATES)
                    ),
                    FATES
                ) { break }
                word := xor(word, shl(shift, xor(lane, or(reading, FLAGS))))
                pos := add(pos, stride)
                shift := xor(shift, 128)
                if iszero(shift) {
                    sstore(slot, word)
                    slot := add(slot, 1)
                    if xor(pos, end) { word := sload(slot) }
                }
            }
            if shift { sstore(slot, word) }

            mstore(add(blk, POS), pos)
            mstore(add(blk, LEFT), div(sub(end, pos), stride))
            slot := sub(slot, mload(add(blk, LANES)))
            mstore(add(blk, NUMBER), add(shl(1, slot), shr(7, shift)))
        }
    }

    /// @dev Meters with gaps between them, or with further readings.
    // solhint-disable-next-line function-max-lines
    function _takeMeters(Records.Block memory blk) private {
        assembly ("memory-safe") {
            // The stack is full: what does not fit is in the two words of scratch memory.
            mstore(0x00, mload(add(blk, TIME_LIMIT)))
            mstore(0x20, mload(add(blk, START)))

            let pos := mload(add(blk, POS))
            let end := add(pos, mul(mload(add(blk, LEFT)), mload(add(blk, METER_BYTES))))
            let meter := mload(add(blk, NUMBER))
            let slot := add(mload(add(blk, LANES)), shr(1, meter))
            let word := sload(slot)

            // Where an item's fields are: see Records.item.
            let importAt := mload(add(blk, SHAPE)) // for now
            let exportDrop := sub(256, shl(4, and(importAt, 0x03)))
            let importDrop := sub(256, shl(2, and(importAt, 0x0c)))
            importAt := and(importAt, 0x30)
            let timeDrop := sub(256, importAt)
            let exportAt := add(importAt, sub(256, importDrop))

            for {} xor(pos, end) {} {
                if mload(add(blk, GAP_BYTES)) {
                    meter := add(meter, byte(0, calldataload(pos)))
                    if gt(meter, 0xffff) {
                        meter := sub(meter, byte(0, calldataload(pos)))
                        break
                    }
                    pos := add(pos, 1)
                }
                if xor(slot, add(mload(add(blk, LANES)), shr(1, meter))) {
                    sstore(slot, word)
                    slot := add(mload(add(blk, LANES)), shr(1, meter))
                    word := sload(slot)
                }
                let reading :=
                    add(
                        add(mload(0x20), shl(96, shr(timeDrop, calldataload(pos)))),
                        add(
                            shl(48, shr(importDrop, shl(importAt, calldataload(pos)))),
                            shr(exportDrop, shl(exportAt, calldataload(pos)))
                        )
                    )
                pos := add(pos, mload(add(blk, STRIDE)))

                // As in _takeNeighbours; `above` is of the first reading, the rest of the last.
                let lane := and(shr(shl(7, and(meter, 1)), word), MASK)
                let above := sub(add(reading, RISE), lane)
                if mload(add(blk, FURTHER)) {
                    above := and(above, not(reading)) // a first reading that fits has no fates
                    reading := add(reading, sumFurther(blk, pos))
                    pos := add(pos, mload(add(blk, FURTHER_BYTES)))
                }
                if or(
                    xor(
                        and(
                            and(sub(mload(0x00), reading), above),
                            and(or(lane, NOT_FLAGS), FATES)
                        ),
                        FATES
                    ),
                    gt(reading, mload(0x00)) // many u32 times: the limit's subtraction wraps
                ) {
                    pos := sub(pos, mload(add(blk, METER_BYTES)))
                    if mload(add(blk, GAP_BYTES)) {
                        meter := sub(meter, byte(0, calldataload(pos)))
                    }
                    break
                }
                word := xor(word, shl(shl(7, and(meter, 1)), xor(lane, or(reading, FLAGS))))
                meter := add(meter, 1)
            }
            sstore(slot, word)
            mstore(add(blk, POS), pos)
            mstore(add(blk, NUMBER), meter)
            mstore(add(blk, LEFT), div(sub(end, pos), mload(add(blk, METER_BYTES))))

            // What the further items at `pos` add to a first reading.
            function sumFurther(b, at) -> total {
                let behind := add(at, mload(add(b, FURTHER_BYTES)))
                total := mload(add(b, STEPS))
                switch mload(add(b, FURTHER_SHAPE))
                case 0x05 {
                    let imports, exports := sumHalves(at, behind)
                    total := add(total, add(shl(48, imports), exports))
                }
                case 0x04 {
                    let imports, more := sumHalves(at, behind)
                    total := add(total, shl(48, add(imports, more)))
                }
                default { total := add(total, sumItems(at, behind, b)) }
            }

            // The sums of every upper and every lower u16. 2^32 - 1 divides 2^32k - 1, so the
            // remainder of a word is the sum of its 32-bit parts, each of which holds a u16 here.
            function sumHalves(at, behind) -> highs, lows {
                // What exceeds whole words comes first; of the data, it is what is not shifted out.
                let excess := and(sub(behind, at), 31)
                let data := shr(sub(256, shl(3, excess)), calldataload(at))
                at := add(at, excess)
                highs := mod(and(shr(16, data), HALVES), 0xffffffff)
                lows := mod(and(data, HALVES), 0xffffffff)
                for {} xor(at, behind) { at := add(at, 32) } {
                    data := calldataload(at)
                    highs := add(highs, mod(and(shr(16, data), HALVES), 0xffffffff))
                    lows := add(lows, mod(and(data, HALVES), 0xffffffff))
                }
            }

            // The sum of what items add. Their bits are summed as they stand, then once more
            // without the time, and once without time and import: the differences are the fields'.
            function sumItems(at, behind, b) -> total {
                let shape_ := mload(add(b, FURTHER_SHAPE))
                let each := div(sub(behind, at), mload(add(b, FURTHER)))
                let exportBits := shl(4, and(shape_, 0x03))
                let registerBits := add(exportBits, shl(2, and(shape_, 0x0c)))
                let drop := sub(256, add(registerBits, and(shape_, 0x30)))
                let all := 0
                let registers := 0
                let exports := 0
                for {} lt(at, behind) { at := add(at, each) } {
                    let bits := shr(drop, calldataload(at))
                    all := add(all, bits)
                    registers := add(registers, and(bits, sub(shl(registerBits, 1), 1)))
                    exports := add(exports, and(bits, sub(shl(exportBits, 1), 1)))
                }
                total := shl(96, shr(registerBits, sub(all, registers)))
                total := add(total, shl(48, shr(exportBits, sub(registers, exports))))
                total := add(total, exports)
            }
        }
    }
}
