using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Gateway;

namespace Stoker.ControlPlane.Tests.Gateway;

public class SseFramesTests
{
    [Theory]
    [InlineData("data: 1\n\ndata: 2\n\n", 9)]
    [InlineData("data: 1\r\n\r\ndata: 2", 11)]
    [InlineData(": wait\n\n", 8)]
    [InlineData("\n\n", 2)]
    [InlineData("data: 1\ndata: 2\n\n", 17)]
    [InlineData("data: 1\n", -1)]
    [InlineData("data: 1", -1)]
    [InlineData("", -1)]
    public void An_event_ends_after_its_blank_line(string bytes, int end) =>
        SseFrames.FindEnd(Encoding.UTF8.GetBytes(bytes), 0).ShouldBe(end);

    [Fact]
    public void The_end_is_found_wherever_the_bytes_are_cut() =>
        Prop.ForAll(
            Gen.ArrayOf(Gen.Elements("data: x\n\n", "data: y\r\n\r\n", "data: a\ndata: b\n\n", ": c\n\n"), 4).ToArbitrary(),
            frames =>
            {
                var bytes = Encoding.UTF8.GetBytes(string.Concat(frames));
                var first = Encoding.UTF8.GetByteCount(frames[0]);
                for (var seen = 0; seen < first; seen++)
                {
                    if (SseFrames.FindEnd(bytes.AsSpan(0, seen), 0) >= 0 || SseFrames.FindEnd(bytes, seen) != first)
                    {
                        return false;
                    }
                }

                return true;
            }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("data: [DONE]\n\n", true, false)]
    [InlineData("data:[DONE]\n\n", true, false)]
    [InlineData("data: {\"error\":{}}\n\n", false, true)]
    [InlineData("data: {\"choices\":[{\"text\":\"[DONE]\"}]}\n\n", false, false)]
    [InlineData(": [DONE]\n\n", false, false)]
    public void Knows_the_last_event_and_a_replicas_error(string frame, bool done, bool error)
    {
        var bytes = Encoding.UTF8.GetBytes(frame);

        (SseFrames.IsDone(bytes), SseFrames.IsError(bytes)).ShouldBe((done, error));
    }
}
