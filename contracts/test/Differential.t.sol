// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {Vm, vm} from "./Vm.sol";
import {Model} from "./reference/Model.sol";

/// @notice MeterLedger beside the plain model: the same batches, right, wrong and malformed, must
/// leave the same lanes, the same rejections in the same order, or fail at the same byte.
contract DifferentialTest is Fixture {
    uint256 private constant FIRST = 6;
    uint256 private constant BEHIND = 26;

    Model private model;
    uint256 private random;

    function setUp() public override {
        super.setUp();
        model = new Model();
        for (uint256 i = 10; i < 20; ++i) {
            model.setMeter(i, true, true);
        }
        vm.startPrank(ADMIN);
        // A full neighbourhood at the edge of the group, and two closed meters.
        ledger.registerMeters((uint32(GROUP) << 16) | 0xfffc, signers(4));
        ledger.closeMeter(METER + 3);
        ledger.closeMeter(METER + 8);
        vm.stopPrank();
        for (uint256 i = 0xfffc; i < 0x10000; ++i) {
            model.setMeter(i, true, true);
        }
        model.setMeter(13, true, false);
        model.setMeter(18, true, false);
    }

    function test_fuzz_batches_areTakenAsTheModelTakesThem(uint256 seed) public {
        random = seed;
        for (uint256 i = 1; i <= 4; ++i) {
            bytes memory records = _records();
            if (_below(8) == 0) _damage(records);
            _compare(bytes32(i), records);
        }
    }

    function test_fuzz_anyBytes_areTakenAsTheModelTakesThem(bytes memory tail) public {
        _compare("any", abi.encodePacked(header(NOW - 5000, 900), tail));
        _compare("bare", tail);
    }

    /// @dev Every shape byte, first and further, with items of plenty.
    function test_everyShape_isReadAsTheModelReadsIt() public {
        for (uint256 shape = 0; shape < 256; ++shape) {
            bytes memory items = new bytes(80);
            items[3] = 0x01;
            items[20] = 0x02;
            bytes memory first =
                abi.encodePacked(uint8(shape), uint8(2), uint16(10), uint16(0), items);
            _compare(bytes32(shape + 1), abi.encodePacked(header(NOW, 900), first));
            bytes memory more =
                abi.encodePacked(uint8(0x24), uint8(1), uint16(12), uint8(3), uint8(shape));
            bytes memory records = abi.encodePacked(header(NOW, 900), more, NOW, uint16(9), items);
            _compare(bytes32(shape + 1000), records);
        }
    }

    /// @dev Sums that would wrap around their field, or around the limit, if not looked after.
    function test_edges_areTakenAsTheModelTakesThem() public {
        uint48 top = (1 << 47) - 1;
        bytes memory head =
            abi.encodePacked(header(NOW - 100, 1), uint8(0x0f), uint8(1), uint16(10));
        bytes memory more = abi.encodePacked(uint32(4), uint32(4), uint32(4), uint32(4));
        _compare("full", abi.encodePacked(head, uint16(0), top, top));
        head = abi.encodePacked(header(NOW - 50, 1), uint8(0x0f), uint8(1), uint16(10));
        for (uint48 over = 0; over < 3; ++over) {
            _compare(
                bytes32(uint256(over + 1)),
                abi.encodePacked(head, uint16(0x0408), uint48((1 << 48) - 1 - over), top, more)
            );
            _compare(
                bytes32(uint256(over + 11)),
                abi.encodePacked(head, uint16(0x0402), top, uint48((1 << 48) - 1 - over), more)
            );
        }
        // A second meter: times that add up to more than 2^32, twice over.
        head = abi.encodePacked(header(NOW, 1), uint8(0x01), uint8(1), uint16(12));
        for (uint256 less = 0; less < 40; ++less) {
            more = abi.encodePacked(type(uint32).max, uint32(type(uint32).max - less * 50));
            _compare(
                bytes32(less + 21), abi.encodePacked(head, uint8(2), uint8(0x20), uint16(1), more)
            );
        }
    }

    /* COMPARING */

    function _compare(bytes32 root, bytes memory records) private {
        try model.submit(records) returns (uint256 accepted) {
            vm.recordLogs();
            submit(root, records);
            _compareLogs(root, records, accepted, vm.getRecordedLogs());
            _compareLanes();
        } catch (bytes memory reason) {
            // Both errors have one argument, the offset.
            bytes memory expected = reason;
            bytes4 selector = IMeterLedger.MalformedRecords.selector;
            for (uint256 i = 0; i < 4; ++i) {
                expected[i] = selector[i];
            }
            vm.expectRevert(expected);
            submit(root, records);
        }
    }

    function _compareLogs(
        bytes32 root,
        bytes memory records,
        uint256 accepted,
        Vm.Log[] memory logs
    ) private view {
        Model.Rejection[] memory rejections = model.rejected();
        vm.assertEq(logs.length, rejections.length + 1, "number of events");
        for (uint256 i = 0; i < rejections.length; ++i) {
            vm.assertEq(logs[i].topics[0], IMeterLedger.ReadingRejected.selector);
            vm.assertEq(logs[i].topics[1], root);
            uint256 meter = (uint256(GROUP) << 16) | rejections[i].number;
            vm.assertEq(uint256(logs[i].topics[2]), meter, "rejected meter");
            (uint32 time, uint8 reason) = abi.decode(logs[i].data, (uint32, uint8));
            vm.assertEq(time, rejections[i].timestamp, "rejected time");
            vm.assertEq(reason, rejections[i].reason, "reason");
        }
        bytes memory data = logs[rejections.length].data;
        (, uint32 taken, uint32 refused, bytes memory told) =
            abi.decode(data, (uint64, uint32, uint32, bytes));
        vm.assertEq(taken, accepted, "accepted");
        vm.assertEq(refused, rejections.length, "rejected");
        vm.assertEq(told, records, "records");
    }

    function _compareLanes() private {
        for (uint256 i = FIRST; i < BEHIND; ++i) {
            _compareLane(i);
        }
        for (uint256 i = 0xfff8; i < 0x10000; ++i) {
            _compareLane(i);
        }
    }

    function _compareLane(uint256 number) private {
        uint32 meter = (uint32(GROUP) << 16) | uint32(number);
        (bool known, bool open, uint32 time, uint64 importWh, uint64 exportWh) =
            model.meters(number);
        IMeterLedger.MeterStatus status = !known
            ? IMeterLedger.MeterStatus.Unknown
            : open ? IMeterLedger.MeterStatus.Active : IMeterLedger.MeterStatus.Closed;
        vm.assertTrue(ledger.meterStatus(meter) == status, "status");
        if (known) assertLatest(meter, time, importWh, exportWh);
    }

    /* MAKING BATCHES */

    function _below(uint256 bound) private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random % bound;
    }

    function _records() private returns (bytes memory records) {
        uint32 base = uint32(NOW - 10_000 + _below(11_500));
        uint16 interval = _below(12) == 0 ? 0 : uint16(_below(300));
        records = header(base, interval);
        uint256 blocks = 1 + _below(5);
        uint256 number = FIRST + _below(6);
        for (uint256 i = 0; i < blocks; ++i) {
            uint256 count = 1 + _below(5);
            if (_below(12) == 0) number = 0xfff8 + _below(8);
            if (_below(10) == 0) number = FIRST + _below(10);
            records = abi.encodePacked(records, _block(number, count));
            number = _below(3) == 0 ? number + count - 1 : number + count + _below(2);
            if (number > 0xffff) number = 0xffff;
        }
    }

    function _block(uint256 number, uint256 count) private returns (bytes memory out) {
        uint256 shape = _shape(true);
        uint256 further = _below(2) == 0 ? 0 : 1 + _below(20);
        uint256 furtherShape = further == 0 ? 0 : _shape(false);
        if (_below(3) == 0) furtherShape = further == 0 ? 0 : _below(2) == 0 ? 5 : 4;
        out = abi.encodePacked(
            uint8(shape), uint8(count), uint16(number), uint8(further), uint8(furtherShape)
        );
        uint256 level = 1000 + _below(6000);
        for (uint256 i = 0; i < count; ++i) {
            if (shape & 0x80 != 0) {
                out = abi.encodePacked(out, uint8(_below(4) == 0 ? _below(4) : 0));
            }
            out = abi.encodePacked(out, _item(shape, level, true));
            for (uint256 k = 0; k < further; ++k) {
                out = abi.encodePacked(out, _item(furtherShape, 40, false));
            }
        }
    }

    /// @dev Mostly shapes that mean something.
    function _shape(bool first) private returns (uint256) {
        uint256 shape = _below(10) == 0 ? 0x40 : 0;
        shape |= _below(3) << 4;
        shape |= _below(first ? 4 : 3) << 2;
        shape |= _below(first ? 4 : 3);
        if (first && _below(4) == 0) shape |= 0x80;
        return shape & 0x7f == 0 ? shape | 4 : shape;
    }

    function _item(uint256 shape, uint256 level, bool first) private returns (bytes memory out) {
        uint256 time = (shape >> 4) & 3;
        if (time == 1) out = abi.encodePacked(uint16(_below(first ? 3000 : 40)));
        if (time == 2) {
            uint256 value = first ? NOW - 4000 + _below(5000) : _below(60);
            if (_below(60) == 0) value = type(uint32).max - _below(2);
            out = abi.encodePacked(uint32(value));
        }
        out = abi.encodePacked(out, _register((shape >> 2) & 3, level));
        out = abi.encodePacked(out, _register(shape & 3, level));
        if (shape & 0x40 != 0) out = abi.encodePacked(out, uint8(_below(256)));
    }

    function _register(uint256 code, uint256 level) private returns (bytes memory) {
        uint256 value = _below(level);
        if (code == 0) return "";
        if (code == 1) return abi.encodePacked(uint16(value));
        if (_below(30) == 0) value = type(uint32).max - _below(3);
        if (code == 2) return abi.encodePacked(uint32(value));
        if (_below(20) == 0) value = (1 << 47) - 1 - _below(3) + _below(2) * _below(9);
        return abi.encodePacked(uint48(value));
    }

    function _damage(bytes memory records) private {
        records[_below(records.length)] = bytes1(uint8(_below(256)));
    }
}
