// The browser's WebSocket for versions of node that have none, as much of it as the examples need.
"use strict";
const crypto = require("crypto");
const net = require("net");

class SmallWebSocket {
  constructor(address) {
    const url = new URL(address);
    this.bytes = Buffer.alloc(0);
    this.open = false;
    this.socket = net.connect(Number(url.port), url.hostname, () => this.socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\n` +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString("base64")}\r\n\r\n`));
    this.socket.on("data", (data) => this.take(data));
    this.socket.on("error", () => this.onerror && this.onerror({}));
    this.socket.on("close", () => this.onclose && this.onclose({}));
  }

  take(data) {
    this.bytes = Buffer.concat([this.bytes, data]);
    if (!this.open) {
      const end = this.bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        return;
      }
      if (!this.bytes.subarray(0, 12).toString().endsWith(" 101")) {
        throw new Error(this.bytes.subarray(0, end).toString());
      }
      this.bytes = this.bytes.subarray(end + 4);
      this.open = true;
      this.onopen && this.onopen({});
    }
    for (let frame = this.frame(); frame; frame = this.frame()) {
      if (frame.opcode === 9) {
        this.write(10, frame.payload);
      } else if (frame.opcode === 8) {
        this.socket.end();
      } else if (frame.opcode === 1 && this.onmessage) {
        this.onmessage({ data: frame.payload.toString() });
      }
    }
  }

  frame() {
    if (this.bytes.length < 2) {
      return null;
    }
    let length = this.bytes[1] & 0x7f;
    let start = 2;
    if (length === 126 && this.bytes.length >= 4) {
      length = this.bytes.readUInt16BE(2);
      start = 4;
    } else if (length > 125) {
      return null;
    }
    if (this.bytes.length < start + length) {
      return null;
    }
    const frame = { opcode: this.bytes[0] & 0x0f, payload: this.bytes.subarray(start, start + length) };
    this.bytes = this.bytes.subarray(start + length);
    return frame;
  }

  write(opcode, payload) {
    const mask = crypto.randomBytes(4);
    this.socket.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask,
      Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]))]));
  }

  send(text) {
    this.write(1, Buffer.from(text));
  }

  close() {
    this.socket.end();
  }
}

globalThis.WebSocket = globalThis.WebSocket || SmallWebSocket;
