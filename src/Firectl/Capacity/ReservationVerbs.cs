using System.CommandLine;
using Firectl.Deployments;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Capacity;

/// <summary>
/// <c>firectl create|get|list|update|delete reservation</c>. An operator makes them, for the account of <c>-a</c>.
/// </summary>
internal static class ReservationVerbs
{
    private static readonly string[] Nouns = ["reservation", "reservations"];

    private static readonly Column[] Columns =
    [
        new("NAME", "name"), new("ACCELERATOR TYPE", "acceleratorType"), new("COUNT", "reservedCount"), new("REGION", "region"),
        new("START TIME", "startTime"), new("END TIME", "endTime"), new("ACTIVE", "active"), new("EMULATED", "emulated"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("create", Nouns, "Reserve accelerators for an account (operator only)", Create);
        verbs.Add("get", Nouns, "Show a reservation", Get);
        verbs.Add("list", Nouns, "List reservations", List);
        verbs.Add("update", Nouns, "Change a reservation (operator only)", Update);
        verbs.Add("delete", Nouns, "End a reservation (operator only)", Delete);
    }

    private static Verb Create(Command command)
    {
        var (name, flags) = (NameArgument(command), new ReservationFlags());
        var type = new Option<string>("--accelerator-type") { Description = "Such as H100_80GB", Required = true };
        var region = new Option<string?>("--region") { Description = "Where (default: the region with most that is not reserved)" };
        command.Options.Add(type);
        command.Options.Add(region);
        flags.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            var body = flags.Over(invocation) with
            {
                AcceleratorType = DeploymentFlags.WireAccelerator(invocation.Value(type)),
                Region = invocation.Value(region)?.ToUpperInvariant().Replace('-', '_'),
            };
            var path = $"v1/{full.Parent}/reservations?reservationId={full.Reservation}";
            var json = ServerConnection.Type<ReservationResource>();
            return await invocation.SendAsync(HttpMethod.Post, path, body, json, cancellation);
        };
    }

    private static Verb Get(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}";
            return await invocation.ShowAsync(path, ServerConnection.Type<ReservationResource>(), cancellation);
        };
    }

    private static Verb List(Command command)
    {
        var (listing, inactive) = (new Listing(), new Option<bool>("--show-inactive") { Description = "Also those that have not begun or have ended" });
        listing.AddTo(command);
        command.Options.Add(inactive);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await invocation.AccountAsync(cancellation)}/reservations" + (invocation.Value(inactive) ? "?showInactive=true" : "");
            return await listing.WriteAsync(invocation, path, "reservations", ServerConnection.Type<ListReservationsResponse>(), Columns, cancellation);
        };
    }

    private static Verb Update(Command command)
    {
        var (name, flags) = (NameArgument(command), new ReservationFlags());
        flags.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var mask = flags.Mask(invocation);
            if (mask.Length == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given; see: firectl update reservation --help"));
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}?updateMask={Uri.EscapeDataString(mask)}";
            var (body, json) = (flags.Over(invocation), ServerConnection.Type<ReservationResource>());
            return await invocation.SendAsync(HttpMethod.Patch, path, body, json, cancellation);
        };
    }

    private static Verb Delete(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            return await invocation.DeleteAsync(full.ToString(), cancellation);
        };
    }

    private static NameArgument<ReservationName> NameArgument(Command command) => new(command, "RESERVATION", ReservationName.Collection);
}

/// <summary>What of a reservation may change.</summary>
internal sealed class ReservationFlags : FieldFlags
{
    private readonly Option<string?> _displayName, _description, _start, _end;
    private readonly Option<int> _count;

    public ReservationFlags()
    {
        _displayName = Text("--display-name", "display_name", "A name for people, fewer than 64 characters");
        _description = Text("--description", "description", "What it is for");
        _count = Number("--reserved-count", "reserved_count", "Accelerators");
        _start = Text("--start-time", "start_time", "From when, YYYY-MM-DD[ HH:MM:SS] in UTC (default now)");
        _end = Text("--end-time", "end_time", "Until when, YYYY-MM-DD[ HH:MM:SS] in UTC (default for ever)");
    }

    public ReservationResource Over(Invocation invocation) => new()
    {
        DisplayName = invocation.Value(_displayName),
        Description = invocation.Value(_description),
        ReservedCount = invocation.Given(_count),
        StartTime = ExpireTime.Parse(invocation.Value(_start), "--start-time"),
        EndTime = ExpireTime.Parse(invocation.Value(_end), "--end-time"),
    };
}
