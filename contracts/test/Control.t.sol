// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

contract ControlTest is Fixture {
    function _command(uint64 id, uint8 kind, uint32 argument)
        private
        pure
        returns (IMeterLedger.Command memory)
    {
        return IMeterLedger.Command(id, METER, kind, argument, NOW + 60);
    }

    function _signed(IMeterLedger.Command memory command) private view returns (bytes memory) {
        return sign(OPERATOR_KEY, ledger.commandDigest(command));
    }

    function _issue(IMeterLedger.Command memory command) private {
        bytes memory signature = _signed(command);
        vm.prank(NOBODY); // any relayer
        ledger.issueCommand(command, signature);
    }

    function _issueFails(IMeterLedger.Command memory command, bytes memory reason) private {
        bytes memory signature = _signed(command);
        vm.expectRevert(reason);
        ledger.issueCommand(command, signature);
    }

    function _result(uint64 id) private pure returns (IMeterLedger.CommandResult memory) {
        return IMeterLedger.CommandResult(id, METER, 2, NOW + 5);
    }

    function _recordFails(
        address server,
        IMeterLedger.CommandResult memory result,
        uint256 key,
        bytes memory reason
    ) private {
        bytes memory signature = sign(key, ledger.resultDigest(result));
        vm.expectRevert(reason);
        vm.prank(server);
        ledger.recordResult(result, signature);
    }

    function test_issueCommand_tellsWhatTheOperatorSigned() public {
        for (uint8 kind = 1; kind <= 4; ++kind) {
            uint32 argument = kind == 4 ? 900 : 0;
            IMeterLedger.Command memory command = _command(kind, kind, argument);
            bytes memory signature = _signed(command);
            vm.expectEmit(address(ledger));
            emit IMeterLedger.CommandIssued(
                METER, kind, kind, argument, NOW + 60, vm.addr(OPERATOR_KEY), signature
            );
            ledger.issueCommand(command, signature);
            vm.assertEq(ledger.lastCommand(METER), kind);
            vm.assertTrue(ledger.commandState(METER, kind).issued);
        }
    }

    function test_issueCommand_failsIfInvalid() public {
        uint8[5] memory kinds = [0, 5, 1, 3, 4];
        uint32[5] memory arguments = [uint32(0), 0, 1, 1, 0];
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory reason = abi.encodeWithSelector(
                IMeterLedger.InvalidCommand.selector, kinds[i], arguments[i]
            );
            _issueFails(_command(1, kinds[i], arguments[i]), reason);
        }
    }

    function test_issueCommand_failsIfIdIsNotNext() public {
        bytes4 notNext = IMeterLedger.CommandIdNotNext.selector;
        _issueFails(_command(0, 1, 0), abi.encodeWithSelector(notNext, METER, 0, 1));
        _issueFails(_command(2, 1, 0), abi.encodeWithSelector(notNext, METER, 2, 1));
        _issue(_command(1, 1, 0));
        _issueFails(_command(1, 1, 0), abi.encodeWithSelector(notNext, METER, 1, 2));
    }

    function test_issueCommand_failsIfExpired() public {
        vm.warp(NOW + 60);
        _issue(_command(1, 1, 0));
        vm.warp(NOW + 61);
        _issueFails(
            _command(2, 2, 0),
            abi.encodeWithSelector(IMeterLedger.CommandExpired.selector, NOW + 60)
        );
    }

    function test_issueCommand_failsIfMeterIsNotInService() public {
        IMeterLedger.Command memory command = _command(1, 1, 0);
        command.meter = METER + 90;
        _issueFails(
            command, abi.encodeWithSelector(IMeterLedger.UnknownMeter.selector, METER + 90)
        );
        vm.prank(ADMIN);
        ledger.closeMeter(METER);
        _issueFails(
            _command(1, 1, 0), abi.encodeWithSelector(IMeterLedger.MeterIsClosed.selector, METER)
        );
    }

    function test_issueCommand_failsIfNotSignedByAnOperator() public {
        IMeterLedger.Command memory command = _command(1, 1, 0);
        bytes memory signature = sign(METER_KEY, ledger.commandDigest(command));
        vm.expectRevert(
            abi.encodeWithSelector(IMeterLedger.NotOperator.selector, vm.addr(METER_KEY))
        );
        ledger.issueCommand(command, signature);
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 2));
        ledger.issueCommand(command, "xx");
        vm.prank(ADMIN);
        ledger.removeOperator(vm.addr(OPERATOR_KEY));
        _issueFails(
            command,
            abi.encodeWithSelector(IMeterLedger.NotOperator.selector, vm.addr(OPERATOR_KEY))
        );
    }

    function test_recordResult_keepsTheOutcome() public {
        _issue(_command(1, 1, 0));
        bytes memory signature = sign(METER_KEY, ledger.resultDigest(_result(1)));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.CommandResultRecorded(METER, 1, 2, NOW + 5);
        vm.prank(SERVER);
        ledger.recordResult(_result(1), signature);
        IMeterLedger.CommandState memory state = ledger.commandState(METER, 1);
        vm.assertTrue(state.resulted);
        vm.assertEq(state.outcome, 2);
        vm.assertEq(state.timestamp, NOW + 5);
        _recordFails(
            SERVER,
            _result(1),
            METER_KEY,
            abi.encodeWithSelector(IMeterLedger.ResultAlreadyRecorded.selector, METER, 1)
        );
    }

    function test_recordResult_failsIfNotTheMetersServer() public {
        _issue(_command(1, 1, 0));
        bytes4 wrong = IMeterLedger.NotServerOfGroup.selector;
        _recordFails(
            OTHER_SERVER, _result(1), METER_KEY, abi.encodeWithSelector(wrong, OTHER_SERVER, GROUP)
        );
        _recordFails(NOBODY, _result(1), METER_KEY, abi.encodeWithSelector(wrong, NOBODY, GROUP));
        IMeterLedger.CommandResult memory result = _result(1);
        result.meter = 5; // group 0, which no server has
        _recordFails(NOBODY, result, METER_KEY, abi.encodeWithSelector(wrong, NOBODY, 0));
    }

    function test_recordResult_failsIfWrong() public {
        bytes4 notIssued = IMeterLedger.CommandNotIssued.selector;
        _recordFails(SERVER, _result(1), METER_KEY, abi.encodeWithSelector(notIssued, METER, 1));
        _issue(_command(1, 1, 0));
        IMeterLedger.CommandResult memory result = _result(1);
        result.timestamp = NOW + 901;
        _recordFails(
            SERVER,
            result,
            METER_KEY,
            abi.encodeWithSelector(IMeterLedger.ResultInFuture.selector, NOW + 901)
        );
        _recordFails(
            SERVER,
            _result(1),
            METER_KEY + 1,
            abi.encodeWithSelector(
                IMeterLedger.NotMeterSigner.selector, METER, vm.addr(METER_KEY + 1)
            )
        );
    }
}
