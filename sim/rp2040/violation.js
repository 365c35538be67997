// What the firmware did that the chip, the flash or a USB host doesn't bear. `rule` is its name: tests ask for it.
export class Violation extends Error {
  constructor(rule, message) {
    super(`${rule}: ${message}`);
    this.name = 'Violation';
    this.rule = rule;
  }
}

// The power went, as was asked for (flash.js).
export class PowerCut extends Error {
  constructor(report) {
    super(`power cut at flash operation ${report.number}`);
    this.name = 'PowerCut';
    this.report = report;
  }
}

export const hex = (value, digits = 8) => `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
