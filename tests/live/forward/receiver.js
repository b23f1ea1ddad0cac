// SPDX-License-Identifier: Apache-2.0
//
// A receiver of the Forward protocol, by the server of @fluent-org/logger. Every entry goes to a file as a line of
// JSON, with its chunk and its place in it, before the receipt of its chunk goes out.
//
//   node receiver.js PACKAGES LISTEN OUT [MANNERS]
//
// LISTEN is a path or ADDRESS:PORT; MANNERS is JSON: key (the shared key), silent (no receipts), die (after so
// many entries, in the middle of whatever it is), garbage (no server at all, but somebody who answers with bytes).
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');

const [packages, listen, out, manners] = process.argv.slice(2);
const want = JSON.parse(manners || '{}');
const [, host, port] = listen.match(/^([\d.]+):(\d+)$/) || [];
const listenOptions = port ? { port: Number(port), host } : { path: listen };
if (listenOptions.path)
  fs.rmSync(listenOptions.path, { force: true });
const ready = () => fs.writeSync(1, 'listening\n');

if (want.garbage) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(Buffer.from([0x93, 0xc1, 0xff, 0x00, 0x81, 0xdd, 0xff, 0xff, 0xff, 0xff])));
  });
  server.listen(listenOptions, ready);
  return;
}

const { FluentServer } = require(path.join(packages, '@fluent-org/logger'));
const { decode } = require(path.join(packages, '@msgpack/msgpack'));
const file = fs.openSync(out, 'a');
let written = 0;
let chunk = '';
let place = 0;

const server = new FluentServer({
  listenOptions,
  ...(want.key ? { security: { serverHostname: 'receiver', sharedKey: want.key, authorize: false, userDict: {} } } : {}),
});

// The server writes the receipt and then hands out the entries, all in one turn: the receipt is held back to the next
// one, when they are in the file.
server.server.prependListener('connection', (socket) => {
  const write = socket.write.bind(socket);
  socket.on('error', () => {});
  socket.write = (bytes, ...rest) => {
    const message = decode(bytes);
    if (!message || message.ack === undefined)
      return write(bytes, ...rest);
    chunk = message.ack;
    place = 0;
    if (!want.silent)
      setImmediate(() => write(bytes, ...rest));
    return true;
  };
});
server.on('entry', (tag, time, record) => {
  fs.writeSync(file, JSON.stringify({ tag, chunk, place: place++, time: time.epoch ?? time, record }) + '\n');
  if (++written === want.die)
    process.kill(process.pid, 'SIGKILL');
});
server.listen().then(ready);
