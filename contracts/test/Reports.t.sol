// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

contract ReportsTest is Fixture {
    uint256 private constant CURVE_ORDER =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function _report(uint32 meter, uint32 sequence)
        private
        pure
        returns (IMeterLedger.Report memory report)
    {
        report.meter = meter;
        report.sequence = sequence;
        report.readings = new IMeterLedger.Reading[](2);
        report.readings[0] = IMeterLedger.Reading(NOW, 123_456, 7, 0);
        report.readings[1] = IMeterLedger.Reading(NOW + 900, 123_556, 8, 3);
    }

    function _leaf(bytes32 digest, bytes memory signature) private pure returns (bytes32) {
        bytes32 r;
        bytes32 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        return keccak256(bytes.concat(keccak256(abi.encode(digest, r, s, uint8(signature[64])))));
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    /// @dev A tree of this report and another leaf; sealed.
    function _seal(uint256 key, IMeterLedger.Report memory report)
        private
        returns (bytes32 root, bytes memory signature, bytes32[] memory proof)
    {
        bytes32 digest = ledger.reportDigest(report);
        signature = sign(key, digest);
        proof = new bytes32[](1);
        proof[0] = keccak256(abi.encode("sibling", report.sequence));
        root = _pair(_leaf(digest, signature), proof[0]);
        vm.warp(block.timestamp + 1);
        seal(root);
    }

    function test_verifyReport_isTrueForASealedReport() public {
        IMeterLedger.Report memory report = _report(METER, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) = _seal(METER_KEY, report);
        vm.assertTrue(ledger.verifyReport(root, report, signature, proof));

        vm.assertFalse(ledger.verifyReport("other", report, signature, proof), "root");
        vm.assertFalse(ledger.verifyReport(root, report, signature, new bytes32[](0)), "proof");
        report.sequence = 2;
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof), "content");
        report.sequence = 1;
        report.readings[1].importWh += 1;
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof), "reading");
    }

    function test_verifyReport_isFalseForAnotherGroup() public {
        // The other group's meter 0 has the same signer; its report is in a root of this group.
        IMeterLedger.Report memory report = _report(uint32(OTHER_GROUP) << 16, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) = _seal(METER_KEY, report);
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof));
    }

    function test_verifyReport_isFalseForAnotherSigner() public {
        IMeterLedger.Report memory report = _report(METER, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) =
            _seal(METER_KEY + 1, report);
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof));
    }

    function test_verifyReport_isFalseForUnknownMeters() public {
        IMeterLedger.Report memory report = _report(METER + 90, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) = _seal(METER_KEY, report);
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof));
        // Registered afterwards, it still had no signer when the batch was sealed.
        vm.prank(ADMIN);
        ledger.registerMeters(METER + 90, signers(1));
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof));
    }

    function test_verifyReport_isFalseForBrokenSignatures() public {
        IMeterLedger.Report memory report = _report(METER, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) = _seal(METER_KEY, report);
        vm.assertFalse(ledger.verifyReport(root, report, "", proof));
        vm.assertFalse(ledger.verifyReport(root, report, bytes.concat(signature, "x"), proof));
        signature[64] = 0x00;
        vm.assertFalse(ledger.verifyReport(root, report, signature, proof));
    }

    function test_verifyReport_isFalseForHighS() public {
        IMeterLedger.Report memory report = _report(METER, 1);
        bytes32 digest = ledger.reportDigest(report);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(METER_KEY, digest);
        s = bytes32(CURVE_ORDER - uint256(s));
        bytes memory signature = abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27));
        bytes32 root = _leaf(digest, signature);
        seal(root);
        vm.assertFalse(ledger.verifyReport(root, report, signature, new bytes32[](0)));
    }

    function test_verifyReport_rotationKeepsThePastAndEndsTheOldKey() public {
        IMeterLedger.Report memory before = _report(METER, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) = _seal(METER_KEY, before);
        vm.prank(ADMIN);
        ledger.rotateSigner(METER, vm.addr(METER_KEY + 77));
        vm.assertTrue(ledger.verifyReport(root, before, signature, proof), "past");

        IMeterLedger.Report memory late = _report(METER, 2);
        (root, signature, proof) = _seal(METER_KEY, late);
        vm.assertFalse(ledger.verifyReport(root, late, signature, proof), "old key");

        IMeterLedger.Report memory afterwards = _report(METER, 3);
        (root, signature, proof) = _seal(METER_KEY + 77, afterwards);
        vm.assertTrue(ledger.verifyReport(root, afterwards, signature, proof), "new key");
    }

    function test_verifyReport_survivesClosingAndSealing() public {
        IMeterLedger.Report memory report = _report(METER, 1);
        (bytes32 root, bytes memory signature, bytes32[] memory proof) = _seal(METER_KEY, report);
        vm.startPrank(ADMIN);
        ledger.closeMeter(METER);
        ledger.sealLedger(NOBODY);
        vm.stopPrank();
        vm.assertTrue(ledger.verifyReport(root, report, signature, proof));
    }
}
