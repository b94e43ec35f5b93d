// A shopping cart. Requires two modules of its own.
const prices = require("./prices");
const money = require("./money");

class Cart {
  lines = [];
  total = 0;

  add(name, count) {
    const cost = prices[name] * count;
    this.lines.push(`${count} x ${name}: ${money.show(cost)}`);
    this.total += cost;
  }

  receipt() {
    return `${this.lines.join("\n")}\ntotal: ${money.show(this.total)}`;
  }
}

module.exports = { Cart, prices };
