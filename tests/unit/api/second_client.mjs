// Lists and calls tools by the JavaScript SDK; prints what it found as JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, campaignId] = process.argv.slice(2);
const client = new Client({ name: "second-client", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const { tools } = await client.listTools();
const shown = await client.callTool({ name: "get_campaign_status", arguments: { campaign_id: campaignId } });
const refused = await client.callTool({ name: "list_rules", arguments: { no_such_field: 1 } });
console.log(JSON.stringify({
  tools: tools.length,
  campaign: shown.structuredContent.campaign.campaign_id,
  refused: { isError: refused.isError, code: refused.structuredContent.error.code },
}));
await client.close();
