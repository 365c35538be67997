// Keeps the state of the emulated chip and whatever hangs on it, and brings it back in place: all plain data that can be reached
// from an object. Functions and what only they know stay as they are, and Buffers are taken as constant.
export function snapshot(root) {
  const saved = new Map();
  const waiting = [root];
  const visit = (value) => {
    if (value !== null && typeof value === 'object') waiting.push(value);
  };
  while (waiting.length) {
    const object = waiting.pop();
    if (saved.has(object) || Buffer.isBuffer(object)) continue;
    if (ArrayBuffer.isView(object)) {
      saved.set(object, null);
      visit(object.buffer);
    } else if (object instanceof ArrayBuffer) {
      saved.set(object, new Uint8Array(object.slice(0)));
    } else if (object instanceof Map || object instanceof Set) {
      const entries = [...object];
      saved.set(object, entries);
      for (const entry of entries) [entry].flat().forEach(visit);
    } else if (Array.isArray(object)) {
      saved.set(object, object.slice());
      object.forEach(visit);
    } else {
      const fields = Object.entries(Object.getOwnPropertyDescriptors(object)).filter(([, field]) => 'value' in field && field.writable);
      saved.set(object, fields.map(([name, field]) => [name, field.value]));
      for (const [, field] of fields) visit(field.value);
    }
  }
  return () => restore(saved);
}

function restore(saved) {
  for (const [object, content] of saved) {
    if (content === null) continue;
    if (object instanceof ArrayBuffer) new Uint8Array(object).set(content);
    else if (object instanceof Map) refill(object, content, ([key, value]) => object.set(key, value));
    else if (object instanceof Set) refill(object, content, (value) => object.add(value));
    else if (Array.isArray(object)) object.splice(0, object.length, ...content);
    else setFields(object, content);
  }
}

function refill(object, content, add) {
  object.clear();
  content.forEach(add);
}

function setFields(object, content) {
  const names = new Set(content.map(([name]) => name));
  for (const name of Object.keys(object)) if (!names.has(name)) delete object[name];
  for (const [name, value] of content) object[name] = value;
}
