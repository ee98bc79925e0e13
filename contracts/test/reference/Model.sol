// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice What submitBatch should do, written again in the plainest way: records are read byte by
/// byte into a list of readings, and each is compared with a struct field by field. No packing, no
/// assembly, checked arithmetic. The differential tests run it beside MeterLedger.
contract Model {
    struct Meter {
        bool known;
        bool open;
        uint32 timestamp;
        uint64 importWh;
        uint64 exportWh;
    }

    struct Reading {
        uint256 number;
        uint256 timestamp;
        uint256 importWh;
        uint256 exportWh;
        uint256 quality;
        /// A meter's first item may not be below the highest number before its block.
        bool unsorted;
    }

    struct Rejection {
        uint256 number;
        uint256 timestamp;
        uint256 reason;
    }

    struct Shape {
        bool bit7;
        bool quality;
        uint256 time;
        uint256 import_;
        uint256 export_;
    }

    struct Head {
        Shape first;
        uint256 count;
        uint256 number;
        uint256 further;
        uint256 furtherByte;
        Shape furtherShape;
    }

    error Malformed(uint256 offset);

    uint256 internal constant TOLERANCE = 900;

    mapping(uint256 number => Meter meter) public meters;
    Reading[] internal readings;
    Rejection[] internal rejections;

    bytes internal data;
    uint256 internal pos;
    uint256 internal baseTime;
    uint256 internal interval;

    function setMeter(uint256 number, bool known, bool open) external {
        meters[number].known = known;
        meters[number].open = open;
    }

    function rejected() external view returns (Rejection[] memory) {
        return rejections;
    }

    function decoded() external view returns (Reading[] memory) {
        return readings;
    }

    function submit(bytes calldata records) external returns (uint256 accepted) {
        delete rejections;
        decode(records);
        for (uint256 i = 0; i < readings.length; ++i) {
            uint256 reason = _judge(readings[i]);
            if (reason == 0) {
                Meter storage meter = meters[readings[i].number];
                meter.timestamp = uint32(readings[i].timestamp);
                meter.importWh = uint64(readings[i].importWh);
                meter.exportWh = uint64(readings[i].exportWh);
                ++accepted;
            } else {
                rejections.push(Rejection(readings[i].number, readings[i].timestamp, reason));
            }
        }
    }

    function _judge(Reading storage reading) internal view returns (uint256) {
        Meter storage meter = meters[reading.number];
        if (reading.unsorted) return 6;
        if (!meter.known) return 1;
        if (!meter.open) return 2;
        if (reading.timestamp > block.timestamp + TOLERANCE) return 5;
        if (reading.timestamp <= meter.timestamp) return 4;
        if (reading.importWh < meter.importWh) return 3;
        if (reading.exportWh < meter.exportWh) return 3;
        return 0;
    }

    /* DECODING */

    function decode(bytes calldata records) public {
        delete readings;
        data = records;
        pos = 0;
        if (records.length < 7 || _take(1) != 1) revert Malformed(0);
        baseTime = _take(4);
        interval = _take(2);
        uint256 highest = 0;
        do {
            highest = _decodeBlock(highest);
        } while (pos < data.length);
    }

    function _decodeBlock(uint256 highest) internal returns (uint256 newHighest) {
        uint256 start = pos;
        if (data.length - pos < 6) revert Malformed(start);
        Head memory head;
        head.first = _shape(_take(1));
        head.count = _take(1);
        head.number = _take(2);
        head.further = _take(1);
        head.furtherByte = _take(1);
        head.furtherShape = _shape(head.furtherByte);
        if (!_isHead(head)) revert Malformed(start);

        uint256 number = head.number;
        newHighest = highest;
        for (uint256 i = 0; i < head.count; ++i) {
            if (head.first.bit7) {
                number += _take(1);
                if (number > 65535) revert Malformed(pos - 1);
            }
            bool unsorted = number < highest;
            _decodeMeter(head, number, unsorted);
            if (number > newHighest) newHighest = number;
            ++number;
        }
    }

    function _decodeMeter(Head memory head, uint256 number, bool unsorted) internal {
        for (uint256 k = 0; k <= head.further; ++k) {
            uint256 start = pos;
            Shape memory shape = k == 0 ? head.first : head.furtherShape;
            Reading memory reading;
            reading.number = number;
            reading.unsorted = unsorted;
            if (k == 0) {
                reading.timestamp = shape.time == 2 ? 0 : baseTime;
            } else {
                Reading storage before = readings[readings.length - 1];
                reading.timestamp = before.timestamp + (shape.time == 0 ? interval : 1);
                reading.importWh = before.importWh;
                reading.exportWh = before.exportWh;
            }
            reading.timestamp += _take(2 * shape.time);
            reading.importWh += _take(2 * shape.import_);
            reading.exportWh += _take(2 * shape.export_);
            reading.quality = shape.quality ? _take(1) : 0;
            if (reading.timestamp >= 2 ** 32) revert Malformed(start);
            if (reading.importWh >= 2 ** 47) revert Malformed(start);
            if (reading.exportWh >= 2 ** 47) revert Malformed(start);
            readings.push(reading);
        }
    }

    function _isHead(Head memory head) internal view returns (bool) {
        Shape memory more = head.furtherShape;
        if (head.count == 0 || head.number + head.count > 65536) return false;
        if (head.first.time == 3 || _bytes(head.first) == 0) return false;
        if (head.further == 0) {
            if (head.furtherByte != 0) return false;
        } else {
            if (more.bit7 || _bytes(more) == 0) return false;
            if (more.time == 3 || more.import_ == 3 || more.export_ == 3) return false;
            if (more.time == 0 && interval == 0) return false;
        }
        uint256 each = (head.first.bit7 ? 1 : 0) + _bytes(head.first) + head.further * _bytes(more);
        return pos + head.count * each <= data.length;
    }

    function _shape(uint256 code) internal pure returns (Shape memory) {
        return Shape(code & 128 != 0, code & 64 != 0, (code >> 4) & 3, (code >> 2) & 3, code & 3);
    }

    function _bytes(Shape memory shape) internal pure returns (uint256) {
        return 2 * shape.time + 2 * shape.import_ + 2 * shape.export_ + (shape.quality ? 1 : 0);
    }

    function _take(uint256 count) internal returns (uint256 value) {
        for (uint256 i = 0; i < count; ++i) {
            value = value * 256 + uint8(data[pos++]);
        }
    }
}
