using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

public class RequestSlotTests
{
    private static readonly string Longest = new('a', ResourceId.MaxLength);

    /// <summary>Every text at the longest that a rule allows it.</summary>
    private static readonly RequestRow Largest = RequestRows.Row() with
    {
        ClientId = new('~', 128),
        Account = AccountName.Parse($"accounts/{Longest}", null),
        User = UserName.Parse($"accounts/{Longest}/users/{Longest}"),
        ApiKey = Longest,
        Deployment = DeploymentName.Parse($"accounts/{Longest}/deployments/{Longest}", null),
        Model = ModelName.Parse($"accounts/{Longest}/models/{Longest}"),
        Addon = ModelName.Parse($"accounts/{Longest}/models/{Longest}"),
        Reason = new('X', 64),
        Tokens = new(int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue),
    };

    [Fact]
    public void A_row_is_read_as_it_was_written()
    {
        RequestRow[] rows = [RequestRows.Row(), Largest, RequestRows.Row() with { ClientId = null, FirstToken = null, Tokens = default, Reason = "" }];
        foreach (var status in Enum.GetValues<RequestStatus>())
        {
            foreach (var row in rows) Read(Written(row with { Status = status })).ShouldBe(row with { Status = status });
        }
    }

    [Fact]
    public void The_largest_row_fits_with_room_for_half_as_much() => Written(Largest).Length.ShouldBeLessThan(RequestSlot.Size * 2 / 3);

    [Fact]
    public void What_was_never_written_or_was_cleared_is_empty()
    {
        RequestSlot.IsEmpty([]).ShouldBeTrue();
        RequestSlot.IsEmpty(new byte[RequestSlot.Size]).ShouldBeTrue();
        var cleared = Written(RequestRows.Row());
        RequestSlot.Empty.CopyTo(cleared);
        RequestSlot.IsEmpty(cleared).ShouldBeTrue();
        RequestSlot.IsEmpty(Written(RequestRows.Row())).ShouldBeFalse();
    }

    [Fact]
    public void Half_a_row_is_none()
    {
        var whole = Written(RequestRows.Row());
        for (var length = 0; length < whole.Length; length++) Read(whole.AsSpan(0, length)).ShouldBeNull($"{length} bytes of {whole.Length}");
    }

    [Fact]
    public void A_row_over_a_longer_one_that_broke_off_is_none()
    {
        var (slot, over) = (Written(Largest), Written(RequestRows.Row()));
        over.AsSpan(0, over.Length - 1).CopyTo(slot);
        slot[over.Length - 1] ^= 0xFF;
        Read(slot).ShouldBeNull();
    }

    [Fact]
    public void No_changed_bit_is_taken_for_a_row() => Prop.ForAll(Gen.Choose(0, (Written(RequestRows.Row()).Length * 8) - 1).ToArbitrary(), bit =>
    {
        var slot = Written(RequestRows.Row());
        slot[bit / 8] ^= (byte)(1 << (bit % 8));
        return Read(slot) is null;
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    private static byte[] Written(RequestRow row)
    {
        var slot = new byte[RequestSlot.Size];
        return slot[..RequestSlot.Encode(row, slot)];
    }

    private static RequestRow? Read(ReadOnlySpan<byte> slot) => RequestSlot.TryDecode(slot);
}
