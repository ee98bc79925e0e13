// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMeterLedger} from "./interfaces/IMeterLedger.sol";

/// @title Who may do what
/// @notice One admin (handed over in two steps), servers with their group, operators, readers.
abstract contract Roles is IMeterLedger {
    /// @inheritdoc IMeterLedger
    address public override admin;
    /// @inheritdoc IMeterLedger
    address public override pendingAdmin;
    /// @inheritdoc IMeterLedger
    mapping(address server => uint16 group) public override serverGroup;
    /// @inheritdoc IMeterLedger
    mapping(address operator => bool listed) public override isOperator;
    /// @inheritdoc IMeterLedger
    mapping(address reader => bool listed) public override isReader;

    modifier onlyAdmin() {
        if (msg.sender != admin) revert NotAdmin(msg.sender);
        _;
    }

    constructor(address initialAdmin) {
        _requireNonZero(initialAdmin);
        admin = initialAdmin;
        emit AdminTransferred(address(0), initialAdmin);
    }

    /* ADMIN */

    /// @inheritdoc IMeterLedger
    function transferAdmin(address newAdmin) external override onlyAdmin {
        pendingAdmin = newAdmin;
        emit AdminTransferStarted(admin, newAdmin);
    }

    /// @inheritdoc IMeterLedger
    function acceptAdmin() external override {
        if (msg.sender != pendingAdmin) revert NotPendingAdmin(msg.sender);
        emit AdminTransferred(admin, msg.sender);
        admin = msg.sender;
        delete pendingAdmin;
    }

    /* SERVERS */

    /// @inheritdoc IMeterLedger
    function addServer(address server, uint16 group) external override onlyAdmin {
        _addServer(server, group);
    }

    /// @inheritdoc IMeterLedger
    function removeServer(address server) external override onlyAdmin {
        _removeServer(server);
    }

    /// @inheritdoc IMeterLedger
    function rotateServer(address server, address replacement) external override onlyAdmin {
        _addServer(replacement, _removeServer(server));
    }

    function _addServer(address server, uint16 group) private {
        _requireNonZero(server);
        if (group == 0) revert ZeroGroup();
        if (serverGroup[server] != 0) revert AlreadyListed(server);
        serverGroup[server] = group;
        emit ServerAdded(server, group);
    }

    function _removeServer(address server) private returns (uint16 group) {
        group = serverGroup[server];
        if (group == 0) revert NotListed(server);
        delete serverGroup[server];
        emit ServerRemoved(server, group);
    }

    /* OPERATORS */

    /// @inheritdoc IMeterLedger
    function addOperator(address operator) external override onlyAdmin {
        _list(isOperator, operator);
        emit OperatorAdded(operator);
    }

    /// @inheritdoc IMeterLedger
    function removeOperator(address operator) external override onlyAdmin {
        _unlist(isOperator, operator);
        emit OperatorRemoved(operator);
    }

    /// @inheritdoc IMeterLedger
    function rotateOperator(address operator, address replacement) external override onlyAdmin {
        _unlist(isOperator, operator);
        emit OperatorRemoved(operator);
        _list(isOperator, replacement);
        emit OperatorAdded(replacement);
    }

    /* READERS */

    /// @inheritdoc IMeterLedger
    function addReader(address reader) external override onlyAdmin {
        _list(isReader, reader);
        emit ReaderAdded(reader);
    }

    /// @inheritdoc IMeterLedger
    function removeReader(address reader) external override onlyAdmin {
        _unlist(isReader, reader);
        emit ReaderRemoved(reader);
    }

    /// @inheritdoc IMeterLedger
    function rotateReader(address reader, address replacement) external override onlyAdmin {
        _unlist(isReader, reader);
        emit ReaderRemoved(reader);
        _list(isReader, replacement);
        emit ReaderAdded(replacement);
    }

    /* SHARED */

    function _requireNonZero(address account) internal pure {
        if (account == address(0)) revert ZeroAddress();
    }

    function _list(mapping(address => bool) storage members, address account) private {
        _requireNonZero(account);
        if (members[account]) revert AlreadyListed(account);
        members[account] = true;
    }

    function _unlist(mapping(address => bool) storage members, address account) private {
        if (!members[account]) revert NotListed(account);
        delete members[account];
    }
}
