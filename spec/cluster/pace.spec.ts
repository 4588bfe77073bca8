import assert from "node:assert/strict";
import { Pace, type PaceOptions } from "../../src/cluster/pace.js";

const SOON = 5;
const NEVER = 2 ** 30;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("How far a node is behind", () => {
  let pace: Pace;
  /** What it was asked, and has not answered. */
  let asked: { answer: () => void; refuse: () => void }[];
  let stuck: boolean[];
  let freed: number;
  let watchers: (() => void)[];

  function begin(options: Partial<PaceOptions> = {}): void {
    asked = [];
    stuck = [];
    freed = 0;
    watchers = [];
    const told = () => {
      for (const tell of watchers.splice(0)) tell();
    };
    pace = new Pace(
      { maxBehind: 16, maxBehindSize: 16_000, patience: NEVER, ...options },
      {
        ask: () =>
          new Promise((resolve, reject) => {
            asked.push({ answer: () => resolve(undefined), refuse: () => reject(new Error("not now")) });
            told();
          }),
        stuck: (isStuck) => {
          stuck.push(isStuck);
          told();
        },
        free: () => {
          freed += 1;
        },
      },
    );
  }
  afterEach(() => pace.close());

  const happens = () => new Promise<void>((resolve) => watchers.push(resolve));

  it("is asked once there is something to it, one question at a time", async () => {
    begin();
    pace.add(1, 100);
    assert.equal(asked.length, 0);
    pace.add(1, 100);
    pace.add(5, 500);
    assert.equal(asked.length, 1);
    asked[0].answer();
    await turn();
    // It has dealt with the first two.
    assert.equal(asked.length, 2);
  });

  it("is counted in items and in their size", async () => {
    begin();
    pace.add(15, 100);
    assert.equal(pace.hasRoom, true);
    pace.add(1, 100);
    assert.equal(pace.hasRoom, false);
    begin();
    pace.add(1, 16_000);
    assert.equal(pace.hasRoom, false);
    asked[0].answer();
    await turn();
    assert.deepEqual([pace.hasRoom, freed], [true, 1]);
  });

  it("is said to be too far when it gets no further for a while, until it does", async () => {
    begin({ patience: SOON });
    pace.add(2, 100);
    pace.add(30, 100);
    await happens();
    assert.deepEqual([stuck, pace.isStuck, freed], [[true], true, 1]);
    asked[0].answer();
    await turn();
    // There are thirty still, but it gets on.
    assert.deepEqual([stuck, pace.hasRoom, freed], [[true, false], false, 1]);
    asked[1].answer();
    await turn();
    assert.deepEqual([stuck, pace.hasRoom, freed], [[true, false], true, 2]);
  });

  it("is no fault of its own while nothing gets there", async () => {
    begin({ patience: SOON });
    pace.add(30, 100);
    await happens();
    pace.pause();
    assert.deepEqual(stuck, [true, false]);
    pace.add(30, 100);
    pace.resume();
    await happens();
    assert.deepEqual(stuck, [true, false, true]);
  });

  it("is asked again when it could not be", async () => {
    begin();
    pace.add(16, 100);
    asked[0].refuse();
    await happens();
    asked[1].answer();
    await turn();
    assert.equal(pace.hasRoom, true);
  });

  it("does not count what it was not told after all, nor an answer to what was forgotten with it", async () => {
    begin();
    pace.add(10, 100);
    pace.add(10, 100);
    pace.forget(15, 150);
    assert.deepEqual([pace.hasRoom, asked.length], [true, 2]);
    asked[0].answer();
    await turn();
    pace.add(10, 100);
    assert.equal(pace.hasRoom, true);
    pace.add(1, 100);
    assert.equal(pace.hasRoom, false);
  });
});
