/** What a run of messages measured. Times are in microseconds. */
export interface TrafficFigures {
  messages: number;
  seconds: number;
  p50: number;
  p99: number;
  p999: number;
  serverCpu: number;
  generatorCpu: number;
  /** Still not there five seconds after the last one was sent. */
  lost: number;
  /** Open loop: due, but not sent because the sender had too many under way. */
  skipped: number;
}
