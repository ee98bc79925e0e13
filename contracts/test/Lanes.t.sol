// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {FastPath} from "../src/libraries/FastPath.sol";
import {Lanes} from "../src/libraries/Lanes.sol";
import {Records} from "../src/libraries/Records.sol";
import {vm} from "./Vm.sol";

contract LanesTest {
    using Lanes for uint256;

    uint256 private constant WH = (1 << 47) - 1;

    function test_fastPath_hasTheConstantsOfLanes() public pure {
        vm.assertEq(FastPath.MASK, Lanes.MASK);
        vm.assertEq(FastPath.FLAGS, Lanes.FLAGS);
        vm.assertEq(FastPath.NOT_FLAGS, ~Lanes.FLAGS);
        vm.assertEq(FastPath.FATES, Lanes.FATES);
        vm.assertEq(FastPath.RISE, Lanes.RISE);
    }

    function test_fuzz_packAndUnpack(uint32 time, uint48 importWh, uint48 exportWh) public pure {
        importWh &= uint48(WH);
        exportWh &= uint48(WH);
        uint256 reading = Lanes.pack(time, importWh, exportWh);
        vm.assertTrue(reading.fits());
        vm.assertFalse(reading.isKnown() || reading.isOpen());
        uint256 lane = reading.open();
        vm.assertTrue(lane.isKnown() && lane.isOpen() && lane <= Lanes.MASK);
        vm.assertTrue(lane.close().isKnown());
        vm.assertFalse(lane.close().isOpen());
        vm.assertEq(lane.close().open(), lane);
        (uint32 t, uint48 i, uint48 e) = lane.unpack();
        vm.assertEq(t, time);
        vm.assertEq(i, importWh);
        vm.assertEq(e, exportWh);
        vm.assertEq(lane.time(), time);
    }

    function test_fuzz_fits(uint40 time, uint48 importWh, uint48 exportWh) public pure {
        bool expected = time < 1 << 32 && importWh <= WH && exportWh <= WH;
        vm.assertEq(Lanes.pack(time, importWh, exportWh).fits(), expected);
    }

    function test_fuzz_isPast(uint32 time, uint32 limit, uint48 importWh) public pure {
        uint256 reading = Lanes.pack(time, importWh & WH, 0);
        vm.assertEq(reading.isPast(Lanes.limit(limit)), time > limit);
        vm.assertFalse(Lanes.pack(limit, WH, WH).isPast(Lanes.limit(limit)));
    }

    function test_fuzz_hasFallen(uint48 i, uint48 e, uint48 lastI, uint48 lastE) public pure {
        _checkFallen(i & WH, e & WH, lastI & WH, lastE & WH);
        _checkFallen(i & WH, e & WH, i & WH, lastE & WH);
        _checkFallen(i & WH, e & WH, i & WH, e & WH);
    }

    function _checkFallen(uint256 i, uint256 e, uint256 lastI, uint256 lastE) private pure {
        uint256 lane = Lanes.pack(7, lastI, lastE).open();
        vm.assertEq(Lanes.pack(9, i, e).hasFallen(lane), i < lastI || e < lastE);
    }

    /// @dev What FastPath does with FATES and RISE, against comparing field by field.
    function test_fuzz_fates(uint32 time, uint32 lastTime, uint48 i, uint48 lastI, uint32 limit)
        public
        pure
    {
        if (limit < 1 << 17) limit = 1 << 17;
        uint256 reading = Lanes.pack(time, i, 5);
        uint256 lane = Lanes.pack(lastTime, lastI & WH, 5).open();
        bool good;
        unchecked {
            uint256 fates = (Lanes.limit(limit) - reading) & (reading + Lanes.RISE - lane);
            good = fates & Lanes.FATES == Lanes.FATES;
        }
        vm.assertEq(good, i <= WH && time > lastTime && time <= limit && i >= lastI & WH);
    }

    function test_fuzz_item(uint32 t, uint48 i, uint48 e) public pure {
        uint256 data = uint256(bytes32(abi.encodePacked(t, i, e)));
        vm.assertEq(Records.item(data, 0x2f), Lanes.pack(t, i, e));
        data = uint256(bytes32(abi.encodePacked(uint16(t), uint32(e))));
        vm.assertEq(Records.item(data, 0x12), Lanes.pack(uint16(t), 0, uint32(e)));
    }
}
