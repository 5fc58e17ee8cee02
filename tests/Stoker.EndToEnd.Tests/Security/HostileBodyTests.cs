using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.Security;

/// <summary>Bodies that are made to harm, at every route that reads one, and names of files that lead elsewhere.</summary>
public sealed class HostileBodyTests(VictimServer server) : IClassFixture<VictimServer>
{
    private readonly Sandbox _sandbox = server.Sandbox;
    private readonly StokerServerProcess _server = server.Server;

    [Fact]
    public async Task Every_route_refuses_bodies_that_are_too_deep_too_large_doubled_compressed_or_no_text()
    {
        var bombs = new Dictionary<string, byte[]>
        {
            ["deep"] = Encoding.UTF8.GetBytes($$"""{"displayName":{{new string('[', 100_000)}}{{new string(']', 100_000)}}}"""),
            ["deep objects"] = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("""{"displayName":""", 50_000)) + "1" + new string('}', 50_000)),
            ["large"] = Encoding.UTF8.GetBytes($$"""{"displayName":"{{new string('a', 3_000_000)}}"}"""),
            ["many fields"] = Encoding.UTF8.GetBytes($$"""{{{string.Join(',', Enumerable.Range(0, 40_000).Select(i => $"\"f{i}\":1"))}}}"""),
            ["doubled"] = """{"displayName":"a","displayName":"b"}"""u8.ToArray(),
            ["long number"] = Encoding.UTF8.GetBytes($$"""{"displayName":{{new string('9', 500_000)}}}"""),
            ["no text"] = [(byte)'{', (byte)'"', 0xff, 0xfe, (byte)'"', (byte)':', (byte)'1', (byte)'}'],
            ["half a pair"] = """{"displayName":"\ud800"}"""u8.ToArray(),
        };
        var wrong = new List<string>();
        foreach (var route in (await ManagementRoutes.ReadAsync(_sandbox)).Where(route => !route.IsRead && route.Method != "DELETE"))
        {
            foreach (var (name, body) in bombs)
            {
                var status = (await RawHttp.SendAsync(_server, route.Method, route.Path("default"), body)).Status;
                if (status is not ((>= 400 and < 500) or 501)) wrong.Add($"{route}: {name}: {status}");
            }

            var packed = (await RawHttp.SendAsync(_server, route.Method, route.Path("default"), Packed(), "Content-Encoding: gzip")).Status;
            if (packed is not ((>= 400 and < 500) or 501)) wrong.Add($"{route}: compressed: {packed}");
        }

        wrong.ShouldBeEmpty();
        (await RawHttp.SendAsync(_server, "GET", "/v1/whoami", null)).Status.ShouldBe(200);
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("..\\evil")]
    [InlineData("../../../../../../tmp/evil")]
    [InlineData("/tmp/evil")]
    [InlineData("sub/evil")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("evil\u0000.json")]
    [InlineData("%2e%2e%2fevil")]
    [InlineData("~/evil")]
    [InlineData("C:\\evil")]
    [InlineData("evil.bin")] // pickles are code
    [InlineData("evil.py")]
    public async Task A_file_of_an_upload_stays_in_its_model(string file)
    {
        // Made by whichever of these comes first.
        (await RawHttp.PostAsync(_server, "/v1/accounts/default/models", """{"modelId":"m","model":{"kind":"HF_BASE_MODEL","baseModelDetails":{}}}""")).Status.ShouldBeOneOf(200, 409);
        var asked = new JsonObject { ["filenameToSize"] = new JsonObject { [file] = "4" } };
        var answer = await RawHttp.PostAsync(_server, "/v1/accounts/default/models/m:getUploadEndpoint", asked.ToJsonString());
        answer.Status.ShouldBe(400, answer.Text);

        // An address for a good file is good for no other one.
        var good = await RawHttp.PostAsync(_server, "/v1/accounts/default/models/m:getUploadEndpoint", """{"filenameToSize":{"config.json":"4"}}""");
        var signed = new Uri(good.Json["filenameToSignedUrls"]!["config.json"]!.GetValue<string>());
        var bent = signed.PathAndQuery.Replace("config.json", Uri.EscapeDataString(file));
        (await RawHttp.SendAsync(_server, "PUT", bent, "evil"u8.ToArray(), "Authorization:")).Status.ShouldBeOneOf(400, 401, 404, 405);
        (await RawHttp.SendAsync(_server, "PUT", signed.PathAndQuery.Replace("/models/m/", "/models/n/"), "evil"u8.ToArray(), "Authorization:")).Status.ShouldBe(401);

        new DirectoryInfo(_sandbox.Root).EnumerateFiles("*evil*", SearchOption.AllDirectories).ShouldBeEmpty();
        File.Exists("/tmp/evil").ShouldBeFalse();
    }

    /// <summary>50 MB of blanks, which packed are 50 KB.</summary>
    private static byte[] Packed()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var blanks = new byte[1 << 20];
            Array.Fill(blanks, (byte)' ');
            for (var i = 0; i < 50; i++) gzip.Write(blanks);
        }

        return packed.ToArray();
    }
}
