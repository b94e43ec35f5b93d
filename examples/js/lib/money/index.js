// `require("./money")` finds this file: a folder is a module by its index.js.
exports.show = (pence) =>
  `£${Math.floor(pence / 100)}.${String(pence % 100).padStart(2, "0")}`;
