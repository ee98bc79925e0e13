// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Roles} from "./Roles.sol";
import {IMeterLedger} from "./interfaces/IMeterLedger.sol";
import {Digests} from "./libraries/Digests.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Records} from "./libraries/Records.sol";

/// @title MeterLedger
/// @notice Electricity meter readings that nobody can change. What each function does, who may call
/// it and what it emits is told in `IMeterLedger`; the record format in `submitBatch` there.
/// @dev Way in: `submitBatch` takes blocks off the records (`Records`), and for each item decides
/// against the meter's lane (`Lanes`) in `_take`. The word that holds the lanes of meters 2k and
/// 2k + 1 is loaded when the first of them turns up and stored when another word is needed, so a
/// dense batch pays one storage update for two meters.
contract MeterLedger is Roles, EIP712 {
    using Lanes for uint256;
    using Records for Records.Reader;
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

    uint8 private constant KIND_DISCONNECT = 1;
    uint8 private constant KIND_READ_NOW = 3;
    uint8 private constant KIND_SET_INTERVAL = 4;

    uint256 private constant NUMBERS = 1 << 16;

    /* TYPES */

    /// @dev A signer and the number of the first batch of the group that it signs for.
    struct Tenure {
        address signer;
        uint64 fromBatch;
    }

    /// @dev What `submitBatch` carries from item to item.
    struct Work {
        bytes32 root;
        /// Group << 16: the id of the group's meter 0.
        uint256 meterZero;
        /// The first wide reading that is too far ahead.
        uint256 future;
        /// Meters below this number are unsorted.
        uint256 lowest;
        /// The current meter.
        uint256 meter;
        /// Why every reading of the current meter is refused; 0: they are not.
        uint256 refusal;
        /// The current meter's last taken reading, wide.
        uint256 last;
        /// The item before, taken or not, wide.
        uint256 before;
        /// Which word of lanes is loaded, what it was, what it is now, and where in it the
        /// current meter's lane begins.
        uint256 index;
        uint256 stored;
        uint256 word;
        uint256 shift;
        uint256 readings;
        uint256 rejected;
    }

    /* STORAGE */

    mapping(uint256 group => uint256[NUMBERS / 2] words) private _lanes;
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
        if (uint256(uint16(firstMeter)) + signers.length > NUMBERS) {
            revert OutsideGroup(firstMeter, signers.length);
        }
        uint64 fromBatch = batchCount[group] + 1;
        for (uint256 i = 0; i < signers.length; ++i) {
            uint32 meter = firstMeter + uint32(i);
            _requireNonZero(signers[i]);
            if (_status(meter) != MeterStatus.Unknown) revert MeterExists(meter);
            _setStatus(meter, MeterStatus.Active);
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
        _setStatus(meter, MeterStatus.Closed);
        emit MeterClosed(meter);
    }

    /// @inheritdoc IMeterLedger
    function reopenMeter(uint32 meter) external override onlyAdmin whileOpen {
        _requireKnown(meter);
        if (_status(meter) == MeterStatus.Active) revert MeterIsOpen(meter);
        _setStatus(meter, MeterStatus.Active);
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
        bool known = isReader[msg.sender] || serverGroup[msg.sender] != 0 || msg.sender == admin;
        if (!known) revert NotReader(msg.sender);
        _requireKnown(meter);
        return _lane(meter).widen().unpack();
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
        uint256[NUMBERS / 2] storage lanes = _lanes[group];
        Work memory work;
        work.root = root;
        work.meterZero = uint256(group) << 16;
        work.future = Lanes.pack(block.timestamp + FUTURE_TOLERANCE + 1, 0, 0);
        work.index = type(uint256).max;
        work.refusal = REASON_UNSORTED; // there is no meter yet, so none to put back

        Records.Reader memory reader = Records.open(records);
        Records.Block memory blk;
        while (!reader.done()) {
            reader.nextBlock(blk);
            if (blk.first) _takeFirst(lanes, work, reader, blk);
            else _takeFurther(work, reader, blk);
        }
        _putBack(work);
        if (work.word != work.stored) lanes[work.index] = work.word;

        rejected = uint32(work.rejected);
        accepted = uint32(work.readings - work.rejected);
    }

    /// @dev A block of first readings: each item is another meter's.
    function _takeFirst(
        uint256[NUMBERS / 2] storage lanes,
        Work memory work,
        Records.Reader memory reader,
        Records.Block memory blk
    ) private {
        uint256 at = blk.items;
        unchecked {
            // Numbers and counts are below 2^17, calldata offsets far below 2^256.
            uint256 behind = blk.number + blk.count;
            for (uint256 number = blk.number; number != behind; ++number) {
                _turnTo(lanes, work, number);
                work.before = _take(work, reader, at, blk.item(at, 0));
                at += blk.stride;
            }
            work.readings += blk.count;
        }
    }

    /// @dev A block of further readings of the current meter.
    function _takeFurther(
        Work memory work,
        Records.Reader memory reader,
        Records.Block memory blk
    ) private {
        uint256 at = blk.items;
        uint256 before = work.before;
        unchecked {
            // As in _takeFirst.
            for (uint256 left = blk.count; left != 0; --left) {
                before = _take(work, reader, at, blk.item(at, before));
                at += blk.stride;
            }
            work.readings += blk.count;
        }
        work.before = before;
    }

    /// @dev Decides on one reading of the current meter; returns it.
    function _take(Work memory work, Records.Reader memory reader, uint256 at, uint256 wide)
        private
        returns (uint256)
    {
        if (!wide.fits()) revert MalformedRecords(at - reader.begin);
        if (wide < work.future && wide.follows(work.last)) work.last = wide;
        else _reject(work, wide);
        return wide;
    }

    function _reject(Work memory work, uint256 wide) private {
        uint256 reason = work.refusal;
        if (reason == 0) {
            if (wide >= work.future) reason = REASON_FUTURE;
            else if (wide.time() <= work.last.time()) reason = REASON_STALE;
            else reason = REASON_ROLLBACK;
        }
        ++work.rejected;
        emit ReadingRejected(work.root, uint32(work.meter), uint32(wide.time()), uint8(reason));
    }

    /// @dev Makes a meter the current one: its word loaded, its last reading at hand.
    function _turnTo(uint256[NUMBERS / 2] storage lanes, Work memory work, uint256 number) private {
        _putBack(work);
        work.meter = work.meterZero | number;
        if (number < work.lowest) {
            work.refusal = REASON_UNSORTED;
            work.last = Lanes.UNREACHABLE;
            return;
        }
        unchecked {
            work.lowest = number + 1; // number < 2^16
        }
        uint256 index = number >> 1;
        if (index != work.index) {
            if (work.word != work.stored) lanes[work.index] = work.word;
            work.index = index;
            work.word = work.stored = lanes[index];
        }
        work.shift = (number & 1) << 7;
        uint256 lane = (work.word >> work.shift) & Lanes.LANE_MASK;
        uint256 status = lane.status();
        if (status == uint256(MeterStatus.Active)) {
            work.refusal = 0;
            work.last = lane.widen();
        } else {
            work.refusal = status == 0 ? REASON_UNKNOWN : REASON_CLOSED;
            work.last = Lanes.UNREACHABLE;
        }
    }

    /// @dev Puts the current meter's last reading into the loaded word.
    function _putBack(Work memory work) private pure {
        if (work.refusal != 0) return;
        uint256 lane = Lanes.ACTIVE | work.last.narrow();
        work.word = (work.word & ~(Lanes.LANE_MASK << work.shift)) | (lane << work.shift);
    }

    /* LANES AND SIGNERS */

    function _group(uint32 meter) private pure returns (uint16) {
        return uint16(meter >> 16);
    }

    function _lane(uint32 meter) private view returns (uint256) {
        uint256 word = _lanes[_group(meter)][uint16(meter) >> 1];
        return (word >> ((meter & 1) << 7)) & Lanes.LANE_MASK;
    }

    function _status(uint32 meter) private view returns (MeterStatus) {
        return MeterStatus(_lane(meter).status());
    }

    function _setStatus(uint32 meter, MeterStatus status) private {
        uint256[NUMBERS / 2] storage words = _lanes[_group(meter)];
        uint256 index = uint16(meter) >> 1;
        uint256 shift = ((meter & 1) << 7) + Lanes.STATUS_SHIFT;
        words[index] = (words[index] & ~(uint256(3) << shift)) | (uint256(status) << shift);
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
