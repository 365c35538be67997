// Simulated time, counted in cycles of the processor: reading it costs nothing while instructions run. It stands in for
// rp2040js's own clock and has the same interface (nanos, micros, createAlarm).
export const kHertz = 125e6;
const kNanosPerCycle = 1e9 / kHertz;

class Alarm {
  constructor(clock, callback) {
    this.clock = clock;
    this.callback = callback;
    this.cycle = 0;
    this.scheduled = false;
  }

  schedule(nanos) {
    this.cancel();
    this.cycle = this.clock.cycle + Math.max(0, Math.ceil(nanos / kNanosPerCycle));
    this.clock.add(this);
  }

  cancel() {
    if (this.scheduled) this.clock.remove(this);
  }
}

export class CycleClock {
  constructor() {
    this.core = { cycles: 0 };
    this.slept = 0; // cycles that passed while the core waited
    this.alarms = []; // the earliest first
    this.limit = 0; // the core's cycle count at which the instruction loop has to look up
  }

  get cycle() {
    return this.core.cycles + this.slept;
  }

  get nanos() {
    return this.cycle * kNanosPerCycle;
  }

  get micros() {
    return this.nanos / 1000;
  }

  createAlarm(callback) {
    return new Alarm(this, callback);
  }

  add(alarm) {
    let at = this.alarms.length;
    while (at > 0 && this.alarms[at - 1].cycle > alarm.cycle) --at;
    this.alarms.splice(at, 0, alarm);
    alarm.scheduled = true;
    this.limit = Math.min(this.limit, alarm.cycle - this.slept);
  }

  remove(alarm) {
    const at = this.alarms.indexOf(alarm);
    if (at >= 0) this.alarms.splice(at, 1);
    alarm.scheduled = false;
  }

  // Calls what is due. An alarm that sets itself for now comes the next time.
  fire() {
    const now = this.cycle;
    while (this.alarms.length > 0 && this.alarms[0].cycle <= now) {
      const alarm = this.alarms.shift();
      alarm.scheduled = false;
      alarm.callback();
    }
  }

  get nextCycle() {
    return this.alarms.length > 0 ? this.alarms[0].cycle : Infinity;
  }

  // Lets time pass with no instruction run, until `cycle` or the next alarm.
  sleep(cycle) {
    this.slept += Math.max(0, Math.min(cycle, this.nextCycle) - this.cycle);
    this.limit = 0;
  }
}

export const cyclesOf = (seconds) => Math.ceil(seconds * kHertz);
