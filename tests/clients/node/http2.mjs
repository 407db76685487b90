// Raw HTTP/2 requests with prior knowledge, a connection each, so that a test can choose every header of a gRPC call.
// Arguments: HOST:PORT. Standard input: [{headers, body in base64}]. Standard output: what each was answered, in order.
import { connect } from "node:http2";
import { readFileSync } from "node:fs";

const [address] = process.argv.slice(2);

function ask({ headers, body }) {
  return new Promise((resolve) => {
    const answer = { headers: {}, trailers: {}, body: "", error: null };
    const chunks = [];
    const session = connect(`http://${address}`);
    session.on("error", (error) => (answer.error ??= error.code));
    const stream = session.request(headers, { endStream: false });
    stream.on("response", (got) => Object.assign(answer.headers, got));
    stream.on("trailers", (got) => Object.assign(answer.trailers, got));
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("error", (error) => (answer.error ??= error.code));
    stream.on("close", () => {
      session.destroy();
      resolve({ ...answer, body: Buffer.concat(chunks).toString("base64") });
    });
    stream.end(Buffer.from(body, "base64"));
  });
}

const requests = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(await Promise.all(requests.map(ask))));
