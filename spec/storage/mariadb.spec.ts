import { sharedSuite } from "./shared.suite.js";

describe("storage on MariaDB", () => sharedSuite("mysql"));
