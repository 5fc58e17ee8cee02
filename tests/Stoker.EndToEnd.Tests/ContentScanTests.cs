using System.Text;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>The scan that the privacy tests rest on finds what is there.</summary>
public class ContentScanTests
{
    private const string Canary = "canary7f3k9q2m5x8w1z4t";

    public static TheoryData<byte[]> Written => new()
    {
        Encoding.UTF8.GetBytes($"prompt: {Canary}\n"),
        Encoding.Unicode.GetBytes($"prompt: {Canary}"),
        Encoding.BigEndianUnicode.GetBytes($"prompt: {Canary}"),
        Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Canary} and more"))),
        Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes($"x{Canary} and more"))),
        Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes($"xy{Canary}"))),
        Encoding.ASCII.GetBytes(Convert.ToHexString(Encoding.UTF8.GetBytes(Canary))),
    };

    [Theory]
    [MemberData(nameof(Written))]
    public void A_planted_text_is_found_in_each_form(byte[] content)
    {
        using var sandbox = new Sandbox();
        File.WriteAllBytes(Path.Combine(sandbox.Data, "log.txt"), content);
        var hits = ContentScan.Find(Canary, sandbox.AllFiles());
        hits.ShouldNotBeEmpty();
        hits.ShouldAllBe(hit => hit.Contains("log.txt"));
    }

    [Fact]
    public void What_is_not_there_is_not_found()
    {
        using var sandbox = new Sandbox();
        File.WriteAllText(Path.Combine(sandbox.Data, "log.txt"), "canary7f3k9q2m5x8w1z4");
        ContentScan.Find(Canary, sandbox.AllFiles()).ShouldBeEmpty();
    }
}
