// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title What MeterLedger does, says and refuses
/// @notice A ledger of electricity meter readings. Servers write packed batches of readings for
/// the meters of their own group; a reading is taken only if the meter is registered and open, its
/// time is later than the last one's and neither register fell. Nobody can change or remove a
/// reading that was taken: there is no proxy, no owner's back door and no delete.
/// @dev A meter id is `group << 16 | number`, group >= 1. Energy is whole watt-hours below 2^47,
/// time is Unix seconds UTC. Signatures are 65 bytes `r || s || v`, low s, v 27 or 28, over EIP-712
/// digests in the domain {name "MeterLedger", version "1", chainId, verifyingContract}:
///
///     Report(uint32 meter,uint32 sequence,Reading[] readings)
///         Reading(uint32 timestamp,uint48 importWh,uint48 exportWh,uint8 quality)
///     Command(uint64 id,uint32 meter,uint8 kind,uint32 argument,uint40 notAfter)
///     CommandResult(uint64 id,uint32 meter,uint8 outcome,uint32 timestamp)
///
/// Views that ask for no role (`meterSigner`, `meterStatus`, `serverGroup`, `batchInfo`,
/// `verifyReport`, ...) serve servers, meters' firmware and auditors alike.
interface IMeterLedger {
    /* TYPES */

    /// @notice What `meterStatus` says of a meter.
    enum MeterStatus {
        Unknown,
        Active,
        Closed
    }

    /// @notice One reading of a meter's registers.
    struct Reading {
        uint32 timestamp;
        uint48 importWh;
        uint48 exportWh;
        uint8 quality;
    }

    /// @notice What a meter signs: readings of one meter, numbered by the meter.
    struct Report {
        uint32 meter;
        uint32 sequence;
        Reading[] readings;
    }

    /// @notice What an operator signs: an order to one meter, valid until `notAfter` (inclusive).
    /// @dev kind 1 disconnect, 2 reconnect, 3 read now, 4 set interval (argument: seconds, not 0).
    /// `argument` is 0 for kinds 1 to 3.
    struct Command {
        uint64 id;
        uint32 meter;
        uint8 kind;
        uint32 argument;
        uint40 notAfter;
    }

    /// @notice What a meter signs after it dealt with a command.
    struct CommandResult {
        uint64 id;
        uint32 meter;
        uint8 outcome;
        uint32 timestamp;
    }

    /// @notice A sealed batch.
    /// @param number 1 for the group's first batch, then one more each; 0: no such batch.
    /// @param blockNumber The block it is in.
    /// @param timestamp That block's time.
    /// @param accepted Readings taken.
    /// @param rejected Readings skipped, each told by a `ReadingRejected`.
    struct Batch {
        uint64 number;
        uint48 blockNumber;
        uint40 timestamp;
        uint32 accepted;
        uint32 rejected;
    }

    /// @notice What the ledger keeps of an issued command.
    /// @param issued Whether this command was issued.
    /// @param resulted Whether its result was recorded.
    /// @param outcome The recorded outcome.
    /// @param timestamp The meter's time of the result.
    struct CommandState {
        bool issued;
        bool resulted;
        uint8 outcome;
        uint32 timestamp;
    }

    /* EVENTS: ROLES */

    event AdminTransferStarted(address indexed admin, address indexed pendingAdmin);
    event AdminTransferred(address indexed previousAdmin, address indexed admin);
    event ServerAdded(address indexed server, uint16 indexed group);
    event ServerRemoved(address indexed server, uint16 indexed group);
    event OperatorAdded(address indexed operator);
    event OperatorRemoved(address indexed operator);
    event ReaderAdded(address indexed reader);
    event ReaderRemoved(address indexed reader);

    /* EVENTS: METERS */

    /// @notice Meters firstMeter, firstMeter + 1, ... were registered with these signers.
    event MetersRegistered(uint32 indexed firstMeter, address[] signers);
    /// @notice From the group's next batch on, this address signs for the meter.
    event SignerRotated(uint32 indexed meter, address indexed signer);
    event MeterClosed(uint32 indexed meter);
    event MeterReopened(uint32 indexed meter);

    /* EVENTS: BATCHES */

    /// @notice A batch was sealed. `records` is what was submitted, so that with the
    /// `ReadingRejected` events of the same transaction every reading, its quality included, can
    /// be rebuilt from logs alone. Numbers of a group have no gaps.
    event BatchSubmitted(
        bytes32 indexed root,
        address indexed server,
        uint16 indexed group,
        uint64 number,
        uint32 accepted,
        uint32 rejected,
        bytes records
    );
    /// @notice This group has a batch with this root already; nothing was changed.
    event BatchRepeated(
        bytes32 indexed root, address indexed server, uint16 indexed group, uint64 number
    );
    /// @notice A reading of the batch was skipped. Several rejections come in the order of records.
    /// @param reason The first that applies of: 6 unsorted (the meter's number is below
    /// an earlier one's of the batch), 1 unknown meter, 2 closed meter, 5 future (more than
    /// FUTURE_TOLERANCE ahead of the block), 4 stale (not later than the last reading),
    /// 3 rollback (a register below the last reading's).
    event ReadingRejected(
        bytes32 indexed root, uint32 indexed meter, uint32 timestamp, uint8 reason
    );

    /* EVENTS: CONTROL */

    event CommandIssued(
        uint32 indexed meter,
        uint64 indexed id,
        uint8 kind,
        uint32 argument,
        uint40 notAfter,
        address indexed operator,
        bytes signature
    );
    event CommandResultRecorded(
        uint32 indexed meter, uint64 indexed id, uint8 outcome, uint32 timestamp
    );

    /* EVENTS: LIFE OF THE LEDGER */

    event PredecessorLinked(address indexed predecessor);
    /// @notice The ledger takes nothing more; it goes on at `successor`.
    event LedgerSealed(address indexed successor);

    /* ERRORS */

    /// @notice The caller does not hold the role that this asks for.
    error NotAdmin(address caller);
    error NotPendingAdmin(address caller);
    error NotServer(address caller);
    error NotServerOfGroup(address caller, uint16 group);
    error NotReader(address caller);
    /// @notice The recovered signer is no operator.
    error NotOperator(address signer);

    error ZeroAddress();
    error ZeroGroup();
    error AlreadyListed(address account);
    error NotListed(address account);

    error NoSigners();
    /// @notice The run of meters goes past the last number of its group.
    error OutsideGroup(uint32 firstMeter, uint256 count);
    error MeterExists(uint32 meter);
    error UnknownMeter(uint32 meter);
    error MeterIsClosed(uint32 meter);
    error MeterIsOpen(uint32 meter);
    error SameSigner(uint32 meter, address signer);

    error ZeroRoot();
    /// @notice The records break their format at this byte (or in the item that starts there).
    error MalformedRecords(uint256 offset);

    error CommandIdNotNext(uint32 meter, uint64 id, uint64 expected);
    error CommandExpired(uint40 notAfter);
    error InvalidCommand(uint8 kind, uint32 argument);
    error CommandNotIssued(uint32 meter, uint64 id);
    error ResultAlreadyRecorded(uint32 meter, uint64 id);
    error ResultInFuture(uint32 timestamp);
    /// @notice The recovered signer is not the meter's.
    error NotMeterSigner(uint32 meter, address signer);

    error LedgerIsSealed(address successor);
    error PredecessorAlreadyLinked(address predecessor);

    /* CONSTANTS AND PROBES */

    /// @notice Version of this interface and of the record format: 1. With `eip712Domain()` (name
    /// "MeterLedger", this chain's id, this address) it tells a MeterLedger from another contract.
    function VERSION() external view returns (uint256);

    /// @notice How far a reading may be ahead of the block's time: 15 minutes.
    function FUTURE_TOLERANCE() external view returns (uint256);

    /* ROLES: all but acceptAdmin by the admin only */

    function admin() external view returns (address);

    function pendingAdmin() external view returns (address);

    /// @notice Offers the admin role; it moves when the new admin accepts. Zero withdraws an offer.
    function transferAdmin(address newAdmin) external;

    /// @notice Takes the offered admin role.
    function acceptAdmin() external;

    /// @notice Lets a server write the meters of one group (several servers a group are fine).
    function addServer(address server, uint16 group) external;

    function removeServer(address server) external;

    /// @notice Replaces a server's key, group unchanged.
    function rotateServer(address server, address replacement) external;

    function addOperator(address operator) external;

    function removeOperator(address operator) external;

    function rotateOperator(address operator, address replacement) external;

    function addReader(address reader) external;

    function removeReader(address reader) external;

    function rotateReader(address reader, address replacement) external;

    /// @notice The group that the address may write; 0: it is no server.
    function serverGroup(address server) external view returns (uint16);

    function isOperator(address operator) external view returns (bool);

    function isReader(address reader) external view returns (bool);

    /* METERS: changes by the admin only */

    /// @notice Registers meters firstMeter, firstMeter + 1, ..., one for each signer, all in one
    /// group. About 35,000 gas a meter: 400 a transaction fit every network.
    function registerMeters(uint32 firstMeter, address[] calldata signers) external;

    /// @notice Gives a meter a new signer.
    /// @dev Takes effect with the group's next batch, to the batch: reports in batches sealed
    /// before still verify against the old signer, reports in later batches only against the new
    /// one. A report that the old key signed and that is not sealed yet will therefore never
    /// verify: drain the meter's backlog first, or let it sign the unsealed reports again.
    function rotateSigner(uint32 meter, address signer) external;

    /// @notice Takes a meter out of service: its readings and commands are refused from now on.
    function closeMeter(uint32 meter) external;

    function reopenMeter(uint32 meter) external;

    function meterStatus(uint32 meter) external view returns (MeterStatus);

    /// @notice The address that signs for the meter now; zero for an unknown meter.
    function meterSigner(uint32 meter) external view returns (address);

    /// @notice The address that signed for the meter in the group's batch of that number; zero
    /// where the meter was not registered yet.
    function meterSignerAt(uint32 meter, uint64 batchNumber) external view returns (address);

    /// @notice The meter's last reading, zeros before the first. For readers, servers and the
    /// admin.
    /// @dev Warning: this asks for a role because the ledger's users are meant to be known, and it
    /// keeps *contracts* without the role from reading. It cannot keep data secret: everything on
    /// a chain can be read by whoever runs or reaches a node, from logs and storage, and the
    /// sender of an eth_call is not authenticated. What does protect readings: who may reach the
    /// nodes of the (private) network, and that the ledger names no customer, only meter ids.
    function latestReading(uint32 meter)
        external
        view
        returns (uint32 timestamp, uint48 importWh, uint48 exportWh);

    /* BATCHES */

    /// @notice Seals a batch of readings of the caller's group. For listed servers.
    /// @dev A bad reading is skipped and told (`ReadingRejected`), the rest is taken. Records that
    /// break their format revert the whole call. A root that the group has sealed before changes
    /// nothing and emits `BatchRepeated`. The contract does not check that the root commits to the
    /// reports that the readings came from (that would cost a signature check each): whoever holds
    /// the reports can, with `verifyReport` and the event.
    ///
    /// Record format (numbers most significant byte first):
    ///
    ///     records  = header block...
    ///     header   = 01 | baseTime u32 | interval u16                                 7 bytes
    ///     block    = shape u8 | count u8 | number u16 | further u8 | furtherShape u8 | meter...
    ///     meter    = [gap u8, if bit 7 of shape] item further-items     count (1..255) times
    ///     item     = time | importWh | exportWh | [quality u8, if bit 6 of its shape; else 0]
    ///
    ///     shape    bits 5-4  time:   0 no bytes, 1 u16, 2 u32
    ///              bits 3-2  import: 0 no bytes, 1 u16, 2 u32, 3 u48 (first items only)
    ///              bits 1-0  export: as import
    ///
    /// Meters of a block have the numbers number, number + 1, ...; a gap is how many numbers are
    /// left out before its meter. Each meter has one first item of the shape `shape` and `further`
    /// items of the shape `furtherShape` (both 0 if there are none).
    /// A first item tells registers as they are, and a time after baseTime (code 0: baseTime, code
    /// 1: baseTime + u16), but a u32 time is absolute. A further item tells how much the registers
    /// rose since the item before, and code 0: the time rose by `interval` (not 0 then), code 1, 2:
    /// it rose by one more than what is there. Items have one byte at least.
    /// Results are below 2^32 s and 2^47 Wh, numbers below 2^16. A block's meters are not below
    /// those of earlier blocks; the same meter in another block is how a batch tells more than 255
    /// further readings, a register that fell or one that rose by 2^32 Wh or more.
    /// @param root Root of the OpenZeppelin StandardMerkleTree over the batch's reports, leaf types
    /// ["bytes32","bytes32","bytes32","uint8"] = (report digest, r, s, v).
    function submitBatch(bytes32 root, bytes calldata records) external;

    /// @notice How many batches the group has sealed.
    function batchCount(uint16 group) external view returns (uint64);

    /// @notice What is known of a group's batch; all zero where there is none with this root.
    function batchInfo(uint16 group, bytes32 root) external view returns (Batch memory);

    /// @notice Whether the report is in the sealed batch and its meter signed it: true only if the
    /// meter's group has sealed `root`, the report with this signature is a leaf of it, and the
    /// signer is the one registered for the meter when that batch was sealed. Never reverts on a
    /// wrong signature or proof.
    /// @dev True says nothing on whether its readings were taken: a sealed report may hold readings
    /// that were rejected (see the batch's `ReadingRejected` events).
    function verifyReport(
        bytes32 root,
        Report calldata report,
        bytes calldata signature,
        bytes32[] calldata proof
    ) external view returns (bool);

    /// @notice The EIP-712 digest that the meter signs.
    function reportDigest(Report calldata report) external view returns (bytes32);

    /* CONTROL */

    /// @notice Issues a command that an operator signed. Anyone may send it.
    /// @dev Ids count 1, 2, 3, ... per meter without gaps, so that nobody can burn a range of them
    /// and a missing one shows; `lastCommand(meter) + 1` is the next. The meter checks operator
    /// signature, id and expiry again by itself.
    function issueCommand(Command calldata command, bytes calldata operatorSignature) external;

    /// @notice Records what the meter did with a command, once. For servers of the meter's group.
    function recordResult(CommandResult calldata result, bytes calldata meterSignature) external;

    /// @notice The id of the meter's last command; 0: none yet.
    function lastCommand(uint32 meter) external view returns (uint64);

    function commandState(uint32 meter, uint64 id) external view returns (CommandState memory);

    function commandDigest(Command calldata command) external view returns (bytes32);

    function resultDigest(CommandResult calldata result) external view returns (bytes32);

    /* LIFE OF THE LEDGER */

    /// @notice Names the ledger that this one continues; once, by the admin.
    function linkPredecessor(address ledger) external;

    /// @notice Ends writing for good and names the ledger that continues; by the admin. Views,
    /// `verifyReport` and the roles go on working.
    function sealLedger(address successorLedger) external;

    function predecessor() external view returns (address);

    /// @notice Zero while the ledger is open.
    function successor() external view returns (address);
}
