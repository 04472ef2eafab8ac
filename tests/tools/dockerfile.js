// Prints the instructions of a Dockerfile as JSON.
const { DockerfileParser } = require("dockerfile-ast");

const file = DockerfileParser.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const instructions = file.getInstructions().map(instruction => ({
  keyword: instruction.getKeyword(),
  flags: Object.fromEntries((instruction.getFlags?.() ?? []).map(flag => [flag.getName(), flag.getValue()])),
  words: instruction.getArguments().map(word => word.getValue()),
  text: instruction.getArgumentsContent() ?? "",
}));
console.log(JSON.stringify(instructions));
