// Transformers of the migration beside this file: (value, config) -> value.

// A switch becomes a level.
exports.toLevel = (isOn, config) => {
  if (typeof isOn !== "boolean") throw new TypeError("not a switch");
  return isOn ? config.true_value : config.false_value;
};

// And back: any level but the lowest is on.
exports.toSwitch = (level, config) => level !== config.false_value;
