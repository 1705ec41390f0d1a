/** A queue whose ends are equally cheap; an array moves all that is left each time its first element is taken. */
export class Fifo<T> {
  readonly #items: (T | undefined)[] = [];
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  get head(): T | undefined {
    return this.#items[this.#start];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#start];
    if (this.#start === this.#items.length) return undefined;
    this.#items[this.#start] = undefined;
    this.#start += 1;
    // What was taken is thrown away once it is half of all.
    if (this.#start * 2 > this.#items.length) {
      this.#items.splice(0, this.#start);
      this.#start = 0;
    }
    return item;
  }

  /** Puts another item in place of the head, which is there. */
  replace(item: T): void {
    this.#items[this.#start] = item;
  }
}
