// The part of Node's Buffer that payload codecs use; ChirpStack offers it too. Loaded only for
// scripts that name it.
(function () {
  'use strict';
  const utf8 = (text) => {
    const raw = unescape(encodeURIComponent(String(text).toWellFormed()));
    return Array.from(raw, (c) => c.charCodeAt(0));
  };
  const codes = {
    hex: (text) => (text.match(/[0-9a-f]{2}/gi) || []).map((pair) => parseInt(pair, 16)),
    base64: (text) => Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0)),
    binary: (text) => Array.from(text, (c) => c.charCodeAt(0)),
    utf8,
  };
  const alias = { latin1: 'binary', ascii: 'binary', 'utf-8': 'utf8', base64url: 'base64' };
  const named = (encoding) => alias[encoding] || encoding || 'utf8';

  class Buffer extends Uint8Array {
    static from(value, encoding, length) {
      if (value instanceof ArrayBuffer) return new Buffer(value, encoding, length);
      if (typeof value === 'string') {
        const decode = codes[named(encoding && encoding.toLowerCase())];
        if (!decode) throw new TypeError(`unknown encoding: ${encoding}`);
        value = decode(value);
      }
      const made = new Buffer(value.length);
      for (let i = 0; i < value.length; i++) made[i] = value[i];
      return made;
    }
    static alloc(size, fill) { return new Buffer(size).fill(fill || 0); }
    static allocUnsafe(size) { return new Buffer(size); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(text, encoding) { return Buffer.from(text, encoding).length; }
    static concat(parts) { return Buffer.from([].concat(...parts.map((part) => Array.from(part)))); }

    slice(start, end) { return this.subarray(start, end); }
    equals(other) { return this.length === other.length && this.every((b, i) => b === other[i]); }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
    toString(encoding, start, end) {
      const bytes = Array.from(this.subarray(start || 0, end));
      const raw = () => bytes.map((b) => String.fromCharCode(b)).join('');
      switch (named(encoding && encoding.toLowerCase())) {
        case 'hex': return bytes.map((b) => b.toString(16).padStart(2, '0')).join('');
        case 'base64': return btoa(raw());
        case 'binary': return raw();
        default: try { return decodeURIComponent(escape(raw())); } catch (error) { return raw(); }
      }
    }
    readUIntBE(at, size) {
      within(this, at, size);
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + this[at + i];
      return value;
    }
    readUIntLE(at, size) {
      within(this, at, size);
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + this[at + i];
      return value;
    }
    readIntBE(at, size) { return signed(this.readUIntBE(at, size), size); }
    readIntLE(at, size) { return signed(this.readUIntLE(at, size), size); }
    writeUIntBE(value, at, size) {
      within(this, at, size);
      for (let i = size - 1; i >= 0; i--, value = Math.floor(value / 256)) this[at + i] = value & 255;
      return at + size;
    }
    writeUIntLE(value, at, size) {
      within(this, at, size);
      for (let i = 0; i < size; i++, value = Math.floor(value / 256)) this[at + i] = value & 255;
      return at + size;
    }
    writeIntBE(value, at, size) { return this.writeUIntBE(value, at, size); }
    writeIntLE(value, at, size) { return this.writeUIntLE(value, at, size); }
  }

  function within(buffer, at, size) {
    if (at === undefined || at < 0 || at + size > buffer.length) {
      throw new RangeError(`offset ${at} is outside of a buffer of ${buffer.length} bytes`);
    }
  }
  function signed(value, size) {
    const half = Math.pow(2, 8 * size - 1);
    return value >= half ? value - 2 * half : value;
  }

  const whole = [['Int8', 1], ['Int16', 2], ['Int32', 4], ['BigInt64', 8], ['Float', 4], ['Double', 8]];
  const views = { Float: 'Float32', Double: 'Float64' };
  for (const [kind, size] of whole) {
    const kinds = kind.startsWith('Int') ? [kind, `U${kind}`] : [kind];
    if (kind === 'BigInt64') kinds.push('BigUint64');
    for (const each of kinds) {
      const view = (views[each] || each).replace('UInt', 'Uint');
      for (const [order, little] of size === 1 ? [['', false]] : [['BE', false], ['LE', true]]) {
        define(each, order, view, size, little);
      }
    }
  }
  function define(kind, order, view, size, little) {
    const over = (buffer, at) => {
      within(buffer, at, size);
      return new DataView(buffer.buffer, buffer.byteOffset + at, size);
    };
    const read = function (at = 0) { return over(this, at)[`get${view}`](0, little); };
    const write = function (value, at = 0) {
      over(this, at)[`set${view}`](0, value, little);
      return at + size;
    };
    for (const name of [kind, kind.replace('UI', 'Ui')]) {
      Buffer.prototype[`read${name}${order}`] = read;
      Buffer.prototype[`write${name}${order}`] = write;
    }
  }

  globalThis.Buffer = Buffer;
  globalThis.require = (name) => {
    if (name === 'buffer' || name === 'node:buffer') return { Buffer };
    throw new Error(`require('${name}'): a codec has no modules here`);
  };
})()
