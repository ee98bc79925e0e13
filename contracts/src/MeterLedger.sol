// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Roles} from "./Roles.sol";
import {IMeterLedger} from "./interfaces/IMeterLedger.sol";
import {Digests} from "./libraries/Digests.sol";
import {FastPath} from "./libraries/FastPath.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Records} from "./libraries/Records.sol";

/// @title MeterLedger
/// @notice Electricity meter readings that nobody can change. What each function does, who may call
/// it and what it emits is told in `IMeterLedger`; the record format in `submitBatch` there.
/// @dev Way in: `submitBatch` takes blocks off the records (`Records`). The meters of a block go
/// through `FastPath` as long as all is well, and through `_takeSingly` where something is not;
/// both compare readings with the meter's lane (`Lanes`), two of which share a storage word.
contract MeterLedger is Roles, EIP712 {
    using Lanes for uint256;
    using Records for Records.Block;

    /* CONSTANTS */

    /// @inheritdoc IMeterLedger
    uint256 public constant override VERSION = 1;
    /// @inheritdoc IMeterLedger
    uint256 public constant override FUTURE_TOLERANCE = 15 minutes;

    uint8 private constant REASON_UNKNOWN = 1;
    uint8 private constant REASON_CLOSED = 2;
    uint8 private constant REASON_ROLLBACK = 3;
    uint8 private constant REASON_STALE = 4;
    uint8 private constant REASON_FUTURE = 5;
    uint8 private constant REASON_UNSORTED = 6;

    /// @dev Words of lanes in a group.
    uint256 private constant WORDS = 1 << 15;

    uint8 private constant KIND_DISCONNECT = 1;
    uint8 private constant KIND_READ_NOW = 3;
    uint8 private constant KIND_SET_INTERVAL = 4;

    /* TYPES */

    /// @dev A signer and the number of the first batch of the group that it signs for.
    struct Tenure {
        address signer;
        uint64 fromBatch;
    }

    /// @dev What `submitBatch` carries from meter to meter.
    struct Work {
        bytes32 root;
        uint16 group;
        /// Storage slot of the group's lanes.
        uint256 lanes;
        /// Where the records begin in the calldata.
        uint256 begin;
        /// What readings are checked against so that none is too far ahead.
        uint256 timeLimit;
        /// One more than the highest meter's number yet.
        uint256 behind;
        uint256 readings;
        uint256 rejected;
    }

    /* STORAGE */

    mapping(uint256 group => uint256[WORDS] words) private _lanes;
    mapping(uint32 meter => Tenure current) private _signers;
    mapping(uint32 meter => Tenure[] former) private _formerSigners;
    mapping(uint16 group => mapping(bytes32 root => Batch batch)) private _batches;
    mapping(uint32 meter => mapping(uint64 id => CommandState state)) private _commands;

    /// @inheritdoc IMeterLedger
    mapping(uint16 group => uint64 count) public override batchCount;
    /// @inheritdoc IMeterLedger
    mapping(uint32 meter => uint64 id) public override lastCommand;
    /// @inheritdoc IMeterLedger
    address public override predecessor;
    /// @inheritdoc IMeterLedger
    address public override successor;

    modifier whileOpen() {
        if (successor != address(0)) revert LedgerIsSealed(successor);
        _;
    }

    constructor(address initialAdmin) Roles(initialAdmin) EIP712("MeterLedger", "1") {}

    /* METERS */

    /// @inheritdoc IMeterLedger
    function registerMeters(uint32 firstMeter, address[] calldata signers)
        external
        override
        onlyAdmin
        whileOpen
    {
        uint16 group = _group(firstMeter);
        if (group == 0) revert ZeroGroup();
        if (signers.length == 0) revert NoSigners();
        if (uint256(uint16(firstMeter)) + signers.length > Records.NUMBERS) {
            revert OutsideGroup(firstMeter, signers.length);
        }
        uint64 fromBatch = batchCount[group] + 1;
        for (uint256 i = 0; i < signers.length; ++i) {
            uint32 meter = firstMeter + uint32(i);
            _requireNonZero(signers[i]);
            if (_status(meter) != MeterStatus.Unknown) revert MeterExists(meter);
            _setLane(meter, Lanes.FLAGS);
            _signers[meter] = Tenure(signers[i], fromBatch);
        }
        emit MetersRegistered(firstMeter, signers);
    }

    /// @inheritdoc IMeterLedger
    function rotateSigner(uint32 meter, address signer) external override onlyAdmin whileOpen {
        _requireNonZero(signer);
        _requireKnown(meter);
        Tenure memory current = _signers[meter];
        if (current.signer == signer) revert SameSigner(meter, signer);
        _formerSigners[meter].push(current);
        _signers[meter] = Tenure(signer, batchCount[_group(meter)] + 1);
        emit SignerRotated(meter, signer);
    }

    /// @inheritdoc IMeterLedger
    function closeMeter(uint32 meter) external override onlyAdmin whileOpen {
        _requireActive(meter);
        _setLane(meter, _lane(meter).close());
        emit MeterClosed(meter);
    }

    /// @inheritdoc IMeterLedger
    function reopenMeter(uint32 meter) external override onlyAdmin whileOpen {
        _requireKnown(meter);
        if (_status(meter) == MeterStatus.Active) revert MeterIsOpen(meter);
        _setLane(meter, _lane(meter).open());
        emit MeterReopened(meter);
    }

    /// @inheritdoc IMeterLedger
    function meterStatus(uint32 meter) external view override returns (MeterStatus) {
        return _status(meter);
    }

    /// @inheritdoc IMeterLedger
    function meterSigner(uint32 meter) external view override returns (address) {
        return _signers[meter].signer;
    }

    /// @inheritdoc IMeterLedger
    function meterSignerAt(uint32 meter, uint64 batchNumber)
        external
        view
        override
        returns (address)
    {
        return _signerAt(meter, batchNumber);
    }

    /// @inheritdoc IMeterLedger
    function latestReading(uint32 meter)
        external
        view
        override
        returns (uint32 timestamp, uint48 importWh, uint48 exportWh)
    {
        bool known =
            isReader[msg.sender] || serverGroup[msg.sender] != 0 || msg.sender == admin;
        if (!known) revert NotReader(msg.sender);
        _requireKnown(meter);
        return _lane(meter).unpack();
    }

    /* BATCHES */

    /// @inheritdoc IMeterLedger
    function submitBatch(bytes32 root, bytes calldata records) external override whileOpen {
        uint16 group = serverGroup[msg.sender];
        if (group == 0) revert NotServer(msg.sender);
        if (root == 0) revert ZeroRoot();

        Batch storage batch = _batches[group][root];
        if (batch.number != 0) {
            emit BatchRepeated(root, msg.sender, group, batch.number);
            return;
        }
        uint64 number = ++batchCount[group];
        (uint32 accepted, uint32 rejected) = _takeAll(root, group, records);
        _batches[group][root] = Batch({
            number: number,
            blockNumber: uint48(block.number),
            timestamp: uint40(block.timestamp),
            accepted: accepted,
            rejected: rejected
        });
        emit BatchSubmitted(root, msg.sender, group, number, accepted, rejected, records);
    }

    /// @inheritdoc IMeterLedger
    function batchInfo(uint16 group, bytes32 root) external view override returns (Batch memory) {
        return _batches[group][root];
    }

    /// @inheritdoc IMeterLedger
    function verifyReport(
        bytes32 root,
        Report calldata report,
        bytes calldata signature,
        bytes32[] calldata proof
    ) external view override returns (bool) {
        uint64 number = _batches[_group(report.meter)][root].number;
        if (number == 0) return false;
        bytes32 digest = _hashTypedDataV4(Digests.hashReport(report));
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, signature);
        if (problem != ECDSA.RecoverError.NoError) return false;
        if (signer != _signerAt(report.meter, number)) return false;
        return MerkleProof.verifyCalldata(proof, root, _leaf(digest, signature));
    }

    /// @inheritdoc IMeterLedger
    function reportDigest(Report calldata report) external view override returns (bytes32) {
        return _hashTypedDataV4(Digests.hashReport(report));
    }

    /* CONTROL */

    /// @inheritdoc IMeterLedger
    function issueCommand(Command calldata command, bytes calldata operatorSignature)
        external
        override
        whileOpen
    {
        uint32 meter = command.meter;
        _requireActive(meter);
        _requireValid(command.kind, command.argument);
        if (block.timestamp > command.notAfter) revert CommandExpired(command.notAfter);
        uint64 expected = lastCommand[meter] + 1;
        if (command.id != expected) revert CommandIdNotNext(meter, command.id, expected);
        address operator = ECDSA.recover(commandDigest(command), operatorSignature);
        if (!isOperator[operator]) revert NotOperator(operator);

        lastCommand[meter] = command.id;
        _commands[meter][command.id].issued = true;
        emit CommandIssued(
            meter,
            command.id,
            command.kind,
            command.argument,
            command.notAfter,
            operator,
            operatorSignature
        );
    }

    /// @inheritdoc IMeterLedger
    function recordResult(CommandResult calldata result, bytes calldata meterSignature)
        external
        override
        whileOpen
    {
        uint32 meter = result.meter;
        if (serverGroup[msg.sender] != _group(meter) || _group(meter) == 0) {
            revert NotServerOfGroup(msg.sender, _group(meter));
        }
        CommandState storage state = _commands[meter][result.id];
        if (!state.issued) revert CommandNotIssued(meter, result.id);
        if (state.resulted) revert ResultAlreadyRecorded(meter, result.id);
        if (result.timestamp > block.timestamp + FUTURE_TOLERANCE) {
            revert ResultInFuture(result.timestamp);
        }
        address signer = ECDSA.recover(resultDigest(result), meterSignature);
        if (signer != _signers[meter].signer) revert NotMeterSigner(meter, signer);

        state.resulted = true;
        state.outcome = result.outcome;
        state.timestamp = result.timestamp;
        emit CommandResultRecorded(meter, result.id, result.outcome, result.timestamp);
    }

    /// @inheritdoc IMeterLedger
    function commandState(uint32 meter, uint64 id)
        external
        view
        override
        returns (CommandState memory)
    {
        return _commands[meter][id];
    }

    /// @inheritdoc IMeterLedger
    function commandDigest(Command calldata command) public view override returns (bytes32) {
        return _hashTypedDataV4(Digests.hashCommand(command));
    }

    /// @inheritdoc IMeterLedger
    function resultDigest(CommandResult calldata result) public view override returns (bytes32) {
        return _hashTypedDataV4(Digests.hashResult(result));
    }

    /* LIFE OF THE LEDGER */

    /// @inheritdoc IMeterLedger
    function linkPredecessor(address ledger) external override onlyAdmin whileOpen {
        _requireNonZero(ledger);
        if (predecessor != address(0)) revert PredecessorAlreadyLinked(predecessor);
        predecessor = ledger;
        emit PredecessorLinked(ledger);
    }

    /// @inheritdoc IMeterLedger
    function sealLedger(address successorLedger) external override onlyAdmin whileOpen {
        _requireNonZero(successorLedger);
        successor = successorLedger;
        emit LedgerSealed(successorLedger);
    }

    /* TAKING READINGS */

    function _takeAll(bytes32 root, uint16 group, bytes calldata records)
        private
        returns (uint32 accepted, uint32 rejected)
    {
        (bool ok, uint256 baseTime, uint256 interval) = Records.header(records);
        if (!ok) revert MalformedRecords(0);

        Work memory work = _begin(root, group, records);
        Records.Block memory blk;
        blk.timeLimit = work.timeLimit;
        blk.lanes = work.lanes;
        uint256 pos = work.begin + Records.HEADER_BYTES;
        uint256 end = work.begin + records.length;
        do {
            uint256 blockEnd;
            (ok, blockEnd) = blk.readBlock(pos, end, baseTime, interval);
            if (!ok) revert MalformedRecords(pos - work.begin);
            pos = blockEnd;
            _takeBlock(work, blk);
        } while (pos != end);
        rejected = uint32(work.rejected);
        accepted = uint32(work.readings - work.rejected);
    }

    function _begin(bytes32 root, uint16 group, bytes calldata records)
        private
        view
        returns (Work memory work)
    {
        uint256[WORDS] storage lanes = _lanes[group];
        uint256 slot;
        assembly ("memory-safe") {
            slot := lanes.slot
        }
        work.root = root;
        work.group = group;
        work.lanes = slot;
        work.begin = Records.position(records);
        work.timeLimit = Lanes.limit(block.timestamp + FUTURE_TOLERANCE);
    }

    /// @dev The fast path goes as far as readings are good; a meter with one that is not goes
    /// reading by reading.
    function _takeBlock(Work memory work, Records.Block memory blk) private {
        unchecked {
            work.readings += blk.left * (1 + blk.further); // bytes' worth, both
        }
        while (blk.left != 0) {
            // The highest meter may come again, as the first of a block.
            if (blk.number + 1 >= work.behind) {
                FastPath.takeRun(blk);
                if (blk.left == 0) break;
            }
            _takeSingly(work, blk);
        }
        if (blk.number > work.behind) work.behind = blk.number;
    }

    /// @dev Decides on the readings of the next meter one by one.
    function _takeSingly(Work memory work, Records.Block memory blk) private {
        if (blk.gapBytes != 0) {
            blk.number += Records.load(blk.pos) >> 248;
            if (blk.number >= Records.NUMBERS) revert MalformedRecords(blk.pos - work.begin);
            ++blk.pos;
        }
        bool unsorted = blk.number + 1 < work.behind;
        uint32 meter = (uint32(work.group) << 16) | uint32(blk.number);
        uint256 reading = blk.start;
        uint256 shape = blk.shape;
        for (uint256 left = 1 + blk.further; left != 0; --left) {
            reading += Records.item(Records.load(blk.pos), shape);
            if (!reading.fits()) revert MalformedRecords(blk.pos - work.begin);
            _take(work, meter, reading, unsorted);
            blk.pos += Records.strideOf(shape);
            shape = blk.furtherShape;
            reading += blk.step;
        }
        ++blk.number;
        --blk.left;
    }

    function _take(Work memory work, uint32 meter, uint256 reading, bool unsorted) private {
        uint8 reason = unsorted ? REASON_UNSORTED : _refusal(work, _lane(meter), reading);
        if (reason == 0) {
            _setLane(meter, reading.open());
            return;
        }
        ++work.rejected;
        emit ReadingRejected(work.root, meter, uint32(reading.time()), reason);
    }

    /// @dev Why the reading may not follow the lane's; 0: it may.
    function _refusal(Work memory work, uint256 lane, uint256 reading)
        private
        pure
        returns (uint8)
    {
        if (!lane.isKnown()) return REASON_UNKNOWN;
        if (!lane.isOpen()) return REASON_CLOSED;
        if (reading.isPast(work.timeLimit)) return REASON_FUTURE;
        if (reading.time() <= lane.time()) return REASON_STALE;
        if (reading.hasFallen(lane)) return REASON_ROLLBACK;
        return 0;
    }

    /* LANES AND SIGNERS */

    function _group(uint32 meter) private pure returns (uint16) {
        return uint16(meter >> 16);
    }

    /// @dev Where in its word a meter's lane begins.
    function _shift(uint256 number) private pure returns (uint256) {
        return (number & 1) << 7;
    }

    function _lane(uint32 meter) private view returns (uint256) {
        return (_lanes[_group(meter)][uint16(meter) >> 1] >> _shift(meter)) & Lanes.MASK;
    }

    function _setLane(uint32 meter, uint256 lane) private {
        uint256[WORDS] storage words = _lanes[_group(meter)];
        words[uint16(meter) >> 1] ^= (_lane(meter) ^ lane) << _shift(meter);
    }

    function _status(uint32 meter) private view returns (MeterStatus) {
        uint256 lane = _lane(meter);
        if (lane.isOpen()) return MeterStatus.Active;
        return lane.isKnown() ? MeterStatus.Closed : MeterStatus.Unknown;
    }

    function _requireKnown(uint32 meter) private view {
        if (_status(meter) == MeterStatus.Unknown) revert UnknownMeter(meter);
    }

    function _requireActive(uint32 meter) private view {
        _requireKnown(meter);
        if (_status(meter) == MeterStatus.Closed) revert MeterIsClosed(meter);
    }

    function _requireValid(uint8 kind, uint32 argument) private pure {
        bool valid = kind == KIND_SET_INTERVAL
            ? argument != 0
            : kind >= KIND_DISCONNECT && kind <= KIND_READ_NOW && argument == 0;
        if (!valid) revert InvalidCommand(kind, argument);
    }

    /// @dev Rotations are few, and the latest tenures are the likely ones: newest first.
    function _signerAt(uint32 meter, uint64 batchNumber) private view returns (address) {
        Tenure memory tenure = _signers[meter];
        if (tenure.fromBatch <= batchNumber) return tenure.signer;
        Tenure[] storage former = _formerSigners[meter];
        for (uint256 i = former.length; i != 0; --i) {
            tenure = former[i - 1];
            if (tenure.fromBatch <= batchNumber) return tenure.signer;
        }
        return address(0);
    }

    /// @dev The leaf as OpenZeppelin's StandardMerkleTree makes it; the signature is 65 bytes.
    function _leaf(bytes32 digest, bytes calldata signature) private pure returns (bytes32) {
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        return keccak256(bytes.concat(keccak256(abi.encode(digest, r, s, v))));
    }
}
