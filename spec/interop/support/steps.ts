/** Makes each spec of a suite a step on the ones before: when one fails, the rest is skipped and not waited for. */
export function stepByStep(): void {
  let stumbled = false;
  beforeEach(function () {
    if (stumbled) this.skip();
  });
  afterEach(function () {
    stumbled ||= this.currentTest?.state === "failed";
  });
}
