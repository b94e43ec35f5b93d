// A program of several files: what one module needs, it requires itself.
//
//   llmspell run examples/js/modules.js
//
// Names with a dot start at the file that requires; others at the folder of this script.

const { Cart, prices: theirs } = require("./lib/cart");
const prices = require("./lib/prices"); // lib/prices.json: data is a module, too

const basket = new Cart();
basket.add("tea", 2);
basket.add("scones", 6);
print(basket.receipt());

// A module is loaded once: everybody who requires it has the same value.
print(`the same prices everywhere: ${prices === theirs}`);

// A module that is not there is an error with a code, which a program can go on from.
try {
  require("lib/catr");
} catch (problem) {
  print(problem.code);
}
