using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

public sealed class RequestJournalTests : IDisposable
{
    private readonly StoreFile _file = new();

    private string Folder => _file.Data.Requests;

    public void Dispose() => _file.Dispose();

    [Fact]
    public void What_a_killed_gateway_had_begun_is_there_for_the_next_one()
    {
        using (var journal = RequestJournal.Create(Folder))
        {
            var done = journal.Add(RequestRows.Row(1));
            journal.Add(RequestRows.Row(2));
            journal.Clear(done);
            journal.Add(RequestRows.Row(3)).ShouldBe(done); // its slot is free again
            journal.Write(done, RequestRows.Row(3) with { Reason = "LATER" });
        }

        using var orphan = RequestJournal.TakeOrphans(Folder).ToList().ShouldHaveSingleItem();
        var (rows, unreadable) = orphan.Read();
        rows.ShouldBe([RequestRows.Row(3) with { Reason = "LATER" }, RequestRows.Row(2)]);
        unreadable.ShouldBe(0);
    }

    [Fact]
    public void A_living_gateways_journal_is_not_taken()
    {
        using var mine = RequestJournal.Create(Folder);
        using var other = RequestJournal.Create(Folder);
        mine.Add(RequestRows.Row());

        RequestJournal.TakeOrphans(Folder).ShouldBeEmpty();
        mine.Read().Rows.ShouldHaveSingleItem();
    }

    [Fact]
    public void An_orphan_is_one_servers_to_settle()
    {
        using (var journal = RequestJournal.Create(Folder)) journal.Add(RequestRows.Row());
        using var taken = RequestJournal.TakeOrphans(Folder).ToList().ShouldHaveSingleItem();

        RequestJournal.TakeOrphans(Folder).ShouldBeEmpty();
        taken.Remove();
        RequestJournal.TakeOrphans(Folder).ShouldBeEmpty();
        Directory.GetFiles(Folder).ShouldBeEmpty();
    }

    [Fact]
    public void A_slot_that_cannot_be_read_is_counted_and_the_others_are_read()
    {
        using (var journal = RequestJournal.Create(Folder))
        {
            for (var id = 1; id <= 3; id++) journal.Add(RequestRows.Row(id));
        }

        var path = Directory.GetFiles(Folder, "*.open").Single();
        var bytes = File.ReadAllBytes(path);
        bytes[RequestSlot.Size + 40] ^= 0xFF;
        File.WriteAllBytes(path, bytes);

        using var orphan = RequestJournal.TakeOrphans(Folder).ToList().ShouldHaveSingleItem();
        var (rows, unreadable) = orphan.Read();
        rows.ShouldBe([RequestRows.Row(1), RequestRows.Row(3)]);
        unreadable.ShouldBe(1);
    }

    [Fact]
    public void A_journal_is_read_by_who_copies_the_data_directory_and_its_lock_holds_nothing()
    {
        using var journal = RequestJournal.Create(Folder);
        journal.Add(RequestRows.Row());

        new FileInfo(Directory.GetFiles(Folder, "*.lock").Single()).Length.ShouldBe(0);
        using var copy = new FileStream(Directory.GetFiles(Folder, "*.open").Single(), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        copy.Length.ShouldBeGreaterThan(0);
        RequestJournal.TakeOrphans(Folder).ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_folder_there_are_no_orphans() => RequestJournal.TakeOrphans(Path.Combine(Folder, "none")).ShouldBeEmpty();

    [Fact]
    public void The_file_is_its_owners_alone()
    {
        if (OperatingSystem.IsWindows()) return;
        using var journal = RequestJournal.Create(Folder);
        Directory.GetFiles(Folder).Select(File.GetUnixFileMode).ShouldBe(Enumerable.Repeat(UnixFileMode.UserRead | UnixFileMode.UserWrite, 2));
    }
}
