// A node that misbehaves when told: it stands between the bridge and anvil, over WebSocket and HTTP
// on one port, passes everything on, and lies, keeps silent or breaks off where a test says so.
//
//     const node = await new Node('http://127.0.0.1:8545').listen();
//     node.on('eth_sendRawTransaction', (request, pass) => ({ error: { code: -32000, message: '' } }));
//
// A handler's answer is {result} or {error}, `undefined` to pass the request on, or one of NEVER (no
// answer), CUT (the connection ends at once), {raw: text}; `pass()` asks anvil. {also: [text]} adds
// frames before the answer.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export const NEVER = Symbol('never');
export const CUT = Symbol('cut');
const FRAME_MAX = 1 << 20; // Besu closes the connection on a longer one
const HEADS_MS = 50;

export class Node {
  constructor(upstream) {
    Object.assign(this, { upstream, handlers: new Map(), seen: [], sockets: new Set() });
    this.silent = false; // no more notifications to subscribers
    this.http = undefined; // {status, body}: instead of any answer over HTTP
    this.head = undefined; // of the last notification
    this.connections = 0; // so far, over WebSocket
  }

  async listen() {
    this.server = createServer((request, response) => this.#post(request, response));
    this.ws = new WebSocketServer({ server: this.server, maxPayload: FRAME_MAX });
    this.ws.on('connection', (socket) => this.#connected(socket));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const { port } = this.server.address();
    this.wsUrl = `ws://127.0.0.1:${port}`;
    this.httpUrl = `http://127.0.0.1:${port}`;
    this.timer = setInterval(() => this.#tellHeads().catch(() => {}), HEADS_MS);
    return this;
  }

  on(method, handler) {
    this.handlers.set(method, handler);
  }

  /** Back to passing everything on; what was seen is forgotten. */
  behave() {
    this.handlers.clear();
    this.silent = false;
    this.http = undefined;
    this.seen.length = 0;
  }

  count(method) {
    return this.seen.filter((name) => name === method).length;
  }

  /** The connections there are: nothing is read from them or sent any more, and they never end. */
  freeze() {
    for (const socket of this.sockets) {
      socket.frozen = true;
      socket.pause();
    }
  }

  async close() {
    clearInterval(this.timer);
    for (const socket of this.ws.clients) socket.terminate();
    this.ws.close();
    this.server.closeAllConnections();
    this.server.close();
  }

  async ask(request) {
    const response = await fetch(this.upstream, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...request }),
    });
    const { result, error } = await response.json();
    return error ? { error } : { result };
  }

  async #answer(request, socket) {
    this.seen.push(request.method);
    const handler = this.handlers.get(request.method) ?? this.handlers.get('*');
    const pass = () => this.#pass(request, socket);
    return (await handler?.(request, pass)) ?? pass();
  }

  async #pass(request, socket) {
    if (request.method !== 'eth_subscribe' || !socket) return this.ask(request);
    socket.subscription = '0xfeed';
    return { result: socket.subscription };
  }

  #connected(socket) {
    this.sockets.add(socket);
    this.connections++;
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('message', (data) => this.#frame(socket, data).catch(() => socket.terminate()));
  }

  async #frame(socket, data) {
    const message = JSON.parse(data);
    const texts = [];
    for (const request of [message].flat()) {
      const answer = await this.#answer(request, socket);
      if (socket.frozen) return;
      if (answer === CUT) return socket.terminate();
      if (answer !== NEVER) texts.push(...text(request, answer));
    }
    if (Array.isArray(message) && texts.length) socket.send(`[${texts.join(',')}]`);
    else for (const one of texts) socket.send(one);
  }

  async #post(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (this.http) {
      response.writeHead(this.http.status, { 'content-type': 'text/html' });
      return response.end(this.http.body);
    }
    const message = JSON.parse(Buffer.concat(chunks));
    const texts = [];
    for (const one of [message].flat()) {
      const answer = await this.#answer(one);
      if (answer === NEVER) return undefined;
      if (answer === CUT) return request.destroy();
      texts.push(...text(one, answer));
    }
    response.setHeader('content-type', 'application/json');
    return response.end(Array.isArray(message) ? `[${texts.join(',')}]` : texts.join(''));
  }

  async #tellHeads() {
    const { result } = await this.ask({ method: 'eth_getBlockByNumber', params: ['latest', false] });
    if (!result || result.hash === this.head) return;
    this.head = result.hash;
    for (const socket of this.sockets)
      if (socket.subscription && !socket.frozen && !this.silent)
        socket.send(
          JSON.stringify({
            jsonrpc: '2.0',
            method: 'eth_subscription',
            params: { subscription: socket.subscription, result },
          }),
        );
  }
}

function text({ id }, answer) {
  if (answer.raw !== undefined) return [answer.raw];
  const { also = [], ...rest } = answer;
  return [...also, JSON.stringify({ jsonrpc: '2.0', id, ...rest })];
}
