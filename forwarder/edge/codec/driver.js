// Runs one function of a payload codec and writes what it returned as JSON.
//
// Evaluated before the codec's script, so that everything used below is the engine's own, whatever
// the script does to Array.prototype, JSON or Object. Evaluates to (operation, input text, limits
// text) => answer text. Interfaces: LoRa Alliance TS013 (decodeUplink, encodeDownlink,
// decodeDownlink), which The Things Stack and ChirpStack v4 share; ChirpStack v3 (Decode, Encode);
// The Things Network v2 (Decoder, Encoder).
(function () {
  'use strict';
  const { stringify, parse } = JSON;
  const { keys } = Object;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const { isInteger, isFinite: finite } = Number;
  const RealError = Error, RealDate = Date, RealString = String, RealPromise = Promise;
  const uncurry = Function.prototype.bind.bind(Function.prototype.call);
  const joined = uncurry(Array.prototype.join);
  const wellFormed = uncurry(String.prototype.toWellFormed);
  const cut = uncurry(String.prototype.slice);
  const isoTime = uncurry(Date.prototype.toISOString);
  const milliseconds = uncurry(Date.prototype.getTime);
  const unbox = [uncurry(Number.prototype.valueOf), uncurry(String.prototype.valueOf),
    uncurry(Boolean.prototype.valueOf)];
  const boxes = [Number, String, Boolean];

  let limits = { depth: 32, characters: 65536 };
  let left; // characters that the answer may still grow

  // What the codec says: messages, and lines on its console.

  const lines = [];
  const log = (...words) => {
    if (lines.length >= 20) return;
    let line = '';
    for (let i = 0; i < words.length && i < 20; i++) line += (i ? ' ' : '') + shown(words[i]);
    lines[lines.length] = cut(line, 0, 500);
  };
  globalThis.console = { log, info: log, warn: log, error: log, debug: log, trace: log };
  globalThis.module = { exports: {} };
  globalThis.exports = globalThis.module.exports;

  function shown(value) {
    if (typeof value === 'string') return value;
    if (value instanceof RealError) return `${value.name}: ${value.message}`;
    if (typeof value !== 'object' || value === null) return RealString(value);
    const kept = left; // a getter of the result may come here while the result is being written
    left = 2000;
    try { return text(value, 0) || ''; } catch (error) { return '[object]'; } finally { left = kept; }
  }

  // JSON as others expect it of JSON.stringify, bounded, and without calling toJSON.

  class TooMuch { constructor(why) { this.why = why; } }

  function charge(piece) {
    left -= piece.length;
    if (left < 0) throw new TooMuch(`the result has more than ${limits.characters} characters of JSON`);
    return piece;
  }

  function text(value, depth) {
    switch (typeof value) {
      case 'string': return charge(stringify(wellFormed(value)));
      case 'number': return charge(number(value));
      case 'boolean': return charge(value ? 'true' : 'false');
      case 'bigint': return charge(bigInteger(value));
      case 'object': return value === null ? charge('null') : structure(value, depth);
      default: return undefined;
    }
  }

  function number(value) {
    if (!finite(value)) return 'null';
    // What fits no 64-bit integer is said as a float: many a reader of JSON has nothing else for it.
    const wide = value >= 9223372036854775807 || value <= -9223372036854775807;
    return wide && value < 1e21 && value > -1e21 ? `${stringify(value)}.0` : stringify(value);
  }

  function bigInteger(value) {
    const exact = value <= 9007199254740991n && value >= -9007199254740991n;
    return exact ? RealString(value) : `"${RealString(value)}"`;
  }

  function structure(value, depth) {
    if (depth >= limits.depth) throw new TooMuch(`the result is nested more than ${limits.depth} deep`);
    if (value instanceof RealDate) {
      if (untouched(value)) return charge(stringify(received.text));
      return finite(milliseconds(value)) ? charge(stringify(isoTime(value))) : charge('null');
    }
    for (let i = 0; i < boxes.length; i++) {
      if (value instanceof boxes[i]) return text(unbox[i](value), depth);
    }
    return isArray(value) || isBytes(value) ? list(value, depth) : record(value, depth);
  }

  function isBytes(value) {
    return isView(value) && typeof value.length === 'number';
  }

  function list(value, depth) {
    let out = charge('[');
    for (let i = 0; i < value.length; i++) {
      out += (i ? charge(',') : '') + (text(value[i], depth + 1) || charge('null'));
    }
    return out + charge(']');
  }

  function record(value, depth) {
    let out = charge('{'), first = true;
    const names = keys(value);
    for (let i = 0; i < names.length; i++) {
      const piece = text(value[names[i]], depth + 1);
      if (piece === undefined) continue;
      out += (first ? '' : charge(',')) + charge(stringify(wellFormed(names[i]))) + charge(':') + piece;
      first = false;
    }
    return out + charge('}');
  }

  function messages(value) {
    const found = [];
    if (value === undefined || value === null || value === '' || value === false) return found;
    if (!isArray(value)) return [cut(shown(value), 0, 500)];
    for (let i = 0; i < value.length && i < 20; i++) found[i] = cut(shown(value[i]), 0, 500);
    return found;
  }

  // Which function there is. A name may be a global, a top-level const, or an export.

  const globals = {
    decodeUplink: () => typeof decodeUplink === 'undefined' ? undefined : decodeUplink,
    decodeDownlink: () => typeof decodeDownlink === 'undefined' ? undefined : decodeDownlink,
    encodeDownlink: () => typeof encodeDownlink === 'undefined' ? undefined : encodeDownlink,
    Decode: () => typeof Decode === 'undefined' ? undefined : Decode,
    Decoder: () => typeof Decoder === 'undefined' ? undefined : Decoder,
    Encode: () => typeof Encode === 'undefined' ? undefined : Encode,
    Encoder: () => typeof Encoder === 'undefined' ? undefined : Encoder,
  };

  function named(name) {
    const found = globals[name]();
    if (typeof found === 'function') return found;
    const all = [globalThis.module && globalThis.module.exports, globalThis.exports];
    for (let i = 0; i < all.length; i++) {
      const exported = all[i];
      if (exported === undefined || exported === null) continue;
      if (typeof exported[name] === 'function') return exported[name];
      const inner = exported.default || exported.driver; // compiled modules; some makers' packages
      if (inner && typeof inner[name] === 'function') return inner[name];
    }
    return undefined;
  }

  const calls = {
    decode: [
      ['decodeUplink', (f, i) => f({ bytes: i.bytes, fPort: i.fPort, recvTime: i.recvTime, variables: i.variables })],
      ['Decode', (f, i) => f(i.fPort, i.bytes, i.variables)],
      ['Decoder', (f, i) => f(i.bytes, i.fPort)],
    ],
    encode: [
      ['encodeDownlink', (f, i) => f({ data: i.data, fPort: i.fPort, variables: i.variables })],
      ['Encode', (f, i) => f(i.fPort, i.data, i.variables)],
      ['Encoder', (f, i) => f(i.data, i.fPort)],
    ],
    'decode-downlink': [
      ['decodeDownlink', (f, i) => f({ bytes: i.bytes, fPort: i.fPort, recvTime: i.recvTime, variables: i.variables })],
    ],
  };

  // One call.

  function interpret(name, operation, result) {
    const wanted = operation === 'encode' ? 'bytes' : 'data';
    const modern = name === 'decodeUplink' || name === 'encodeDownlink' || name === 'decodeDownlink';
    if (result instanceof RealPromise) return { errors: [`${name} returned a Promise; a codec has to answer at once`] };
    if (result === undefined || result === null) return { errors: [`${name} returned ${result}`] };
    if (!modern || (wanted === 'bytes' && (isArray(result) || isBytes(result)))) return { value: result };
    if (typeof result !== 'object') return { errors: [`${name} returned a ${typeof result}; {${wanted}: ...} expected`] };
    return {
      value: result[wanted], fPort: result.fPort,
      errors: messages(result.errors), warnings: messages(result.warnings),
    };
  }

  function answer(name, found) {
    const errors = found.errors || [];
    let value;
    if (!errors.length) {
      left = limits.characters;
      value = text(found.value, 0);
    }
    const port = isInteger(found.fPort) ? found.fPort : null;
    left = limits.characters + 100000; // the messages are cut already
    return `{"function":${stringify(name)},"value":${value === undefined ? 'null' : value},` +
      `"missing":${value === undefined},"fPort":${port},"errors":${text(errors, 0)},` +
      `"warnings":${text(found.warnings || [], 0)},"log":${text(lines, 0)}}`;
  }

  function failed(name, error) {
    if (error instanceof TooMuch) return answer(name, { errors: [error.why] });
    const isError = error instanceof RealError;
    const stack = isError ? cut(RealString(error.stack), 0, 2000) : '';
    const errors = [cut(shown(error), 0, 500)];
    left = 100000;
    return `{"function":${stringify(name)},"thrown":${text(errors[0], 0)},"stack":${text(stack, 0)},"log":${text(lines, 0)}}`;
  }

  let received = {}; // the Date that the codec is given, and the text that it was made of

  function prepared(input) {
    if (input.recvTime === undefined) return input;
    received = { date: new RealDate(input.recvTime), text: input.recvTime };
    received.ms = milliseconds(received.date);
    input.recvTime = received.date;
    return input;
  }

  // A codec that hands recvTime on hands on what it was given, to the last digit of a text.
  function untouched(date) {
    return date === received.date && typeof received.text === 'string' && milliseconds(date) === received.ms;
  }

  function run(operation, input) {
    const choices = calls[operation];
    let name = null;
    try {
      for (let i = 0; i < choices.length; i++) {
        const f = named(choices[i][0]);
        if (!f) continue;
        name = choices[i][0];
        return answer(name, interpret(name, operation, choices[i][1](f, input)));
      }
    } catch (error) {
      return failed(name, error);
    }
    return '{"function":null}';
  }

  return function edgemast(operation, inputText, limitsText) {
    limits = parse(limitsText);
    // The engine keeps a long sum of strings as a tree that its Python binding cannot take.
    return joined([run(operation, prepared(parse(inputText)))], '');
  };
})()
