// A flood, bounded in time and connections, to a loopback port: what the source paper did with
// others' tools. Prints {"sent": n}: datagrams, connections or requests that got out.
//
//     node flood.mjs udp|tcp|http|slow PORT SECONDS
//
//   udp   datagrams of 1,000 bytes as fast as they go
//   tcp   connections that are opened, greeted with rubbish and closed, 200 at a time
//   http  requests on 100 kept-alive connections, the next as soon as one is answered or refused
//   slow  400 connections that send a byte of a request each second and never end it
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [kind, portText, secondsText] = process.argv.slice(2);
const port = Number(portText);
const host = '127.0.0.1';
const end = performance.now() + Math.min(Number(secondsText), 120) * 1000;
let sent = 0;

const over = () => performance.now() >= end;
const finish = () => {
  console.log(JSON.stringify({ sent }));
  process.exit(0);
};

function udp() {
  const socket = createSocket('udp4');
  const data = Buffer.alloc(1000, 'x');
  socket.on('error', () => {}); // nobody listens: the answer is ICMP
  const more = () => {
    for (let i = 0; i < 50; i++) socket.send(data, (error) => (sent += error ? 0 : 1));
    if (over()) finish();
    else setImmediate(more);
  };
  socket.connect(port, host, more);
}

/** Opens a connection, and another in its place when it is gone. */
function keepOpen(greet) {
  if (over()) return;
  const socket = connect(port, host, () => greet(socket));
  socket.on('error', () => {});
  socket.on('close', () => setImmediate(keepOpen, greet));
}

const tcp = (socket) => {
  sent++;
  socket.write('\x16\x03\x01\x02\x00 this is no handshake', () => socket.destroy());
};

const REQUEST =
  'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 63\r\n\r\n' +
  '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}';
const http = (socket) => {
  socket.on('data', () => ask());
  const ask = () => {
    sent++;
    socket.write(REQUEST);
  };
  ask();
};

const slow = (socket) => {
  sent++;
  const text = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Padding: ';
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++] ?? 'a'), 1000);
  socket.on('close', () => clearInterval(timer));
};

if (kind === 'udp') udp();
else {
  const [greet, connections] = { tcp: [tcp, 200], http: [http, 100], slow: [slow, 400] }[kind];
  for (let i = 0; i < connections; i++) keepOpen(greet);
  setTimeout(finish, end - performance.now());
}
