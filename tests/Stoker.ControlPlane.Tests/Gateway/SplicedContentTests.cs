using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Gateway;

namespace Stoker.ControlPlane.Tests.Gateway;

public class SplicedContentTests
{
    private static readonly GatewayOptions Options = new();
    private static readonly string[] Fields = [.. RequestFields.All.Where(field => field.On == Surface.Both && field.Name is not ("model" or "stream")).Select(field => field.Name)];

    /// <summary>
    /// JSON values with everything that makes text hard: escapes, other scripts, white space, the key itself inside of
    /// strings.
    /// </summary>
    private static readonly Gen<string> Value = Gen.Sized(size => ValueOf(Math.Min(size, 4)));

    [Fact]
    public void Splicing_changes_the_models_name_and_not_one_byte_beside_it() =>
        Prop.ForAll(Body().ToArbitrary(), body =>
        {
            var bytes = Encoding.UTF8.GetBytes(body.Before + body.Model + body.After);
            if (RequestScan.Run(bytes, Surface.Both, Options, out var request) is { } error)
            {
                throw new InvalidOperationException(error.Message);
            }

            var spliced = Serialize(new SplicedContent(bytes, request!, ModelNames.Quote("accounts/x/models/served"), TimeProvider.System));
            return Encoding.UTF8.GetString(spliced) == body.Before + "\"accounts/x/models/served\"" + body.After
                && request!.Model == JsonSerializer.Deserialize<string>(body.Model);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("""{"model":"a/b","prompt":"{x"}""", """{"f":[1],"model":"m","prompt":"{x"}""")]
    [InlineData(""" { "prompt":"x", "model":"a/b"} """, """ {"f":[1], "prompt":"x", "model":"m"} """)]
    public void A_field_of_our_own_comes_first(string body, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        RequestScan.Run(bytes, Surface.Text, Options, out var request).ShouldBeNull();
        using var content = new SplicedContent(bytes, request!, ModelNames.Quote("m"), TimeProvider.System, "\"f\":[1],"u8.ToArray());

        content.Headers.ContentLength.ShouldBe(Encoding.UTF8.GetByteCount(expected));
        Encoding.UTF8.GetString(Serialize(content)).ShouldBe(expected);
    }

    [Fact]
    public void The_length_it_announces_is_the_length_it_writes()
    {
        byte[] body = [.. """{"model":"a/b","prompt":"x"}"""u8];
        RequestScan.Run(body, Surface.Text, Options, out var request).ShouldBeNull();
        using var content = new SplicedContent(body, request!, ModelNames.Quote("much/longer"), TimeProvider.System);

        content.Headers.ContentLength.ShouldBe(Serialize(content).Length);
        (content.Started, content.WrittenAt.HasValue).ShouldBe((true, true));
    }

    private static byte[] Serialize(SplicedContent content)
    {
        using var stream = new MemoryStream();
        var copying = content.CopyToAsync(stream, TestContext.Current.CancellationToken);
        copying.IsCompletedSuccessfully.ShouldBeTrue(); // nothing to wait for in memory
        return stream.ToArray();
    }

    private static Gen<(string Before, string Model, string After)> Body() =>
        from model in Gen.Elements("\"a/b\"", "\"\\u0061/b\"", "\"accounts\\/a/models/m\"", "\"\\ud83d\\ude00\"", "\"😀\"", "\"\"")
        from key in Gen.Elements("\"model\"", "\"\\u006dodel\"", "\"mode\\u006C\"")
        from names in Gen.SubListOf(Fields)
        from values in Gen.ArrayOf(Value, names.Count)
        from at in Gen.Choose(0, names.Count)
        from space in Gen.Elements("", " ", "\n\t", "\r\n  ")
        let members = names.Zip(values, (name, value) => $"\"{name}\"{space}:{space}{value}").ToList()
        let before = string.Concat(members.Take(at).Select(member => $"{space}{member}{space},"))
        let after = string.Concat(members.Skip(at).Select(member => $",{space}{member}{space}"))
        select ($"{space}{{{before}{space}{key}{space}:{space}", model, $"{space}{after}}}{space}");

    private static Gen<string> ValueOf(int depth)
    {
        var scalar = Gen.Elements(
            "null", "true", "false", "0", "-1.5e300", "\"\"", "\"\\\"model\\\":\\\"x\\\"\"", "\"é\\u00e9 漢字 😀\\ud83d\\ude00\"", "\"line\\n\\\\\"",
            "\"{\\\"model\\\"\"", "123456789012345678901234567890");
        if (depth == 0) return scalar;
        var inner = ValueOf(depth - 1);
        return Gen.OneOf(
            scalar,
            inner.ArrayOf(2).Select(items => $"[{string.Join(" ,", items)}]"),
            inner.ArrayOf(2).Select(items => $"{{\"model\": {items[0]}, \"x\":{items[1]}}}"));
    }
}
