using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

public class SessionTableTests
{
    private readonly SessionTable _table = new();

    [Fact]
    public void A_session_is_where_its_newest_request_went()
    {
        _table.Find(Session(1)).ShouldBeNull();
        _table.Note(Session(1), 5);
        _table.Note(Session(2), 6);
        _table.Note(Session(1), 7);

        (_table.Find(Session(1)), _table.Find(Session(2)), _table.Find(Session(3))).ShouldBe((7u, 6u, null));
    }

    [Fact]
    public void None_is_no_session()
    {
        _table.Note(0, 5);

        _table.Find(0).ShouldBeNull();
    }

    [Fact]
    public void Of_nine_that_fall_together_the_one_silent_longest_is_forgotten()
    {
        for (var number = 1u; number <= 8; number++) _table.Note(Session(number), number);
        _table.Note(Session(1), 1); // speaks again

        _table.Note(Session(9), 9);

        _table.Find(Session(2)).ShouldBeNull();
        foreach (var number in new uint[] { 1, 3, 4, 5, 6, 7, 8, 9 }) _table.Find(Session(number)).ShouldBe(number);
    }

    /// <summary>All in one bucket.</summary>
    private static ulong Session(uint number) => ((ulong)number << 32) | 77;
}
