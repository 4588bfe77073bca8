import { sharedSuite } from "./shared.suite.js";

describe("storage on PostgreSQL", () => sharedSuite("postgres"));
