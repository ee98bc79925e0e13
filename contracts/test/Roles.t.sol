// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {MeterLedger} from "../src/MeterLedger.sol";
import {IMeterLedger} from "../src/interfaces/IMeterLedger.sol";
import {Fixture} from "./Fixture.sol";
import {Vm, vm} from "./Vm.sol";

contract RolesTest is Fixture {
    function test_constructor_namesTheAdmin() public {
        vm.recordLogs();
        MeterLedger fresh = new MeterLedger(NOBODY);
        vm.assertEq(fresh.admin(), NOBODY);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1);
        vm.assertEq(logs[0].topics[0], IMeterLedger.AdminTransferred.selector);
        vm.assertEq(logs[0].topics[2], bytes32(uint256(uint160(NOBODY))));
    }

    function test_constructor_failsIfAdminIsZero() public {
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        new MeterLedger(address(0));
    }

    function test_probes_tellTheVersion() public view {
        vm.assertEq(ledger.VERSION(), 1);
        vm.assertEq(ledger.FUTURE_TOLERANCE(), 900);
        (, string memory name, string memory version, uint256 chain, address at,,) =
            ledger.eip712Domain();
        vm.assertEq(name, "MeterLedger");
        vm.assertEq(version, "1");
        vm.assertEq(chain, block.chainid);
        vm.assertEq(at, address(ledger));
    }

    /* ADMIN */

    function test_transferAdmin_takesTwoSteps() public {
        vm.expectEmit(address(ledger));
        emit IMeterLedger.AdminTransferStarted(ADMIN, NOBODY);
        vm.prank(ADMIN);
        ledger.transferAdmin(NOBODY);
        vm.assertEq(ledger.admin(), ADMIN);
        vm.assertEq(ledger.pendingAdmin(), NOBODY);

        vm.expectEmit(address(ledger));
        emit IMeterLedger.AdminTransferred(ADMIN, NOBODY);
        vm.prank(NOBODY);
        ledger.acceptAdmin();
        vm.assertEq(ledger.admin(), NOBODY);
        vm.assertEq(ledger.pendingAdmin(), address(0));
    }

    function test_acceptAdmin_failsIfNotOffered() public {
        expectError(abi.encodeWithSelector(IMeterLedger.NotPendingAdmin.selector, NOBODY));
        vm.prank(NOBODY);
        ledger.acceptAdmin();
    }

    function test_acceptAdmin_failsIfWithdrawn() public {
        vm.startPrank(ADMIN);
        ledger.transferAdmin(NOBODY);
        ledger.transferAdmin(address(0));
        vm.stopPrank();
        expectError(abi.encodeWithSelector(IMeterLedger.NotPendingAdmin.selector, NOBODY));
        vm.prank(NOBODY);
        ledger.acceptAdmin();
    }

    function test_adminFunctions_failForOthers() public {
        expectNotAdmin();
        ledger.transferAdmin(NOBODY);
        expectNotAdmin();
        ledger.addServer(NOBODY, 1);
        expectNotAdmin();
        ledger.removeServer(SERVER);
        expectNotAdmin();
        ledger.rotateServer(SERVER, NOBODY);
        expectNotAdmin();
        ledger.addOperator(NOBODY);
        expectNotAdmin();
        ledger.removeOperator(NOBODY);
        expectNotAdmin();
        ledger.rotateOperator(NOBODY, ADMIN);
        expectNotAdmin();
        ledger.addReader(NOBODY);
        expectNotAdmin();
        ledger.removeReader(READER);
        expectNotAdmin();
        ledger.rotateReader(READER, NOBODY);
        expectNotAdmin();
        ledger.registerMeters(METER, signers(1));
        expectNotAdmin();
        ledger.rotateSigner(METER, NOBODY);
        expectNotAdmin();
        ledger.closeMeter(METER);
        expectNotAdmin();
        ledger.reopenMeter(METER);
        expectNotAdmin();
        ledger.linkPredecessor(NOBODY);
        expectNotAdmin();
        ledger.sealLedger(NOBODY);
    }

    /* SERVERS */

    function test_server_isAddedRotatedAndRemoved() public {
        vm.startPrank(ADMIN);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ServerAdded(NOBODY, GROUP);
        ledger.addServer(NOBODY, GROUP);
        vm.assertEq(ledger.serverGroup(NOBODY), GROUP);

        vm.expectEmit(address(ledger));
        emit IMeterLedger.ServerRemoved(NOBODY, GROUP);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ServerAdded(address(1), GROUP);
        ledger.rotateServer(NOBODY, address(1));
        vm.assertEq(ledger.serverGroup(NOBODY), 0);
        vm.assertEq(ledger.serverGroup(address(1)), GROUP);

        vm.expectEmit(address(ledger));
        emit IMeterLedger.ServerRemoved(address(1), GROUP);
        ledger.removeServer(address(1));
        vm.assertEq(ledger.serverGroup(address(1)), 0);
        vm.stopPrank();
    }

    function test_addServer_failsIfZeroOrListed() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        ledger.addServer(address(0), GROUP);
        vm.expectRevert(IMeterLedger.ZeroGroup.selector);
        ledger.addServer(NOBODY, 0);
        expectError(abi.encodeWithSelector(IMeterLedger.AlreadyListed.selector, SERVER));
        ledger.addServer(SERVER, GROUP);
        expectError(abi.encodeWithSelector(IMeterLedger.NotListed.selector, NOBODY));
        ledger.removeServer(NOBODY);
        expectError(abi.encodeWithSelector(IMeterLedger.AlreadyListed.selector, OTHER_SERVER));
        ledger.rotateServer(SERVER, OTHER_SERVER);
        vm.stopPrank();
    }

    /* OPERATORS AND READERS */

    function test_operator_isAddedRotatedAndRemoved() public {
        vm.startPrank(ADMIN);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.OperatorAdded(NOBODY);
        ledger.addOperator(NOBODY);
        vm.assertTrue(ledger.isOperator(NOBODY));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.OperatorRemoved(NOBODY);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.OperatorAdded(SERVER);
        ledger.rotateOperator(NOBODY, SERVER);
        vm.assertFalse(ledger.isOperator(NOBODY));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.OperatorRemoved(SERVER);
        ledger.removeOperator(SERVER);
        vm.assertFalse(ledger.isOperator(SERVER));
        vm.stopPrank();
    }

    function test_reader_isAddedRotatedAndRemoved() public {
        vm.startPrank(ADMIN);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ReaderAdded(NOBODY);
        ledger.addReader(NOBODY);
        vm.assertTrue(ledger.isReader(NOBODY));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ReaderRemoved(NOBODY);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ReaderAdded(SERVER);
        ledger.rotateReader(NOBODY, SERVER);
        vm.assertFalse(ledger.isReader(NOBODY));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.ReaderRemoved(SERVER);
        ledger.removeReader(SERVER);
        vm.assertFalse(ledger.isReader(SERVER));
        vm.stopPrank();
    }

    function test_lists_failIfZeroListedOrNot() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        ledger.addReader(address(0));
        expectError(abi.encodeWithSelector(IMeterLedger.AlreadyListed.selector, READER));
        ledger.addReader(READER);
        expectError(abi.encodeWithSelector(IMeterLedger.NotListed.selector, NOBODY));
        ledger.removeReader(NOBODY);
        expectError(abi.encodeWithSelector(IMeterLedger.NotListed.selector, NOBODY));
        ledger.rotateOperator(NOBODY, READER);
        vm.stopPrank();
    }

    /* LIFE OF THE LEDGER */

    function test_linkPredecessor_onceOnly() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        ledger.linkPredecessor(address(0));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.PredecessorLinked(address(9));
        ledger.linkPredecessor(address(9));
        vm.assertEq(ledger.predecessor(), address(9));
        expectError(
            abi.encodeWithSelector(IMeterLedger.PredecessorAlreadyLinked.selector, address(9))
        );
        ledger.linkPredecessor(address(8));
        vm.stopPrank();
    }

    function test_sealLedger_endsWritingAndKeepsReading() public {
        seal("before");
        vm.startPrank(ADMIN);
        vm.expectRevert(IMeterLedger.ZeroAddress.selector);
        ledger.sealLedger(address(0));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.LedgerSealed(address(9));
        ledger.sealLedger(address(9));
        vm.assertEq(ledger.successor(), address(9));

        bytes memory isSealed =
            abi.encodeWithSelector(IMeterLedger.LedgerIsSealed.selector, address(9));
        expectError(isSealed);
        ledger.sealLedger(address(8));
        expectError(isSealed);
        ledger.linkPredecessor(address(8));
        expectError(isSealed);
        ledger.registerMeters(METER + 100, signers(1));
        expectError(isSealed);
        ledger.rotateSigner(METER, NOBODY);
        expectError(isSealed);
        ledger.closeMeter(METER);
        expectError(isSealed);
        ledger.reopenMeter(METER);
        ledger.addReader(NOBODY);
        vm.stopPrank();

        IMeterLedger.Command memory command;
        expectError(isSealed);
        ledger.issueCommand(command, "");
        IMeterLedger.CommandResult memory result;
        expectError(isSealed);
        ledger.recordResult(result, "");
        vm.prank(SERVER);
        expectError(isSealed);
        ledger.submitBatch("after", "");
        assertLatest(LAST_METER, NOW, 0, 0);
        vm.assertEq(ledger.batchInfo(GROUP, "before").number, 1);
    }
}
