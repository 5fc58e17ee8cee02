using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Firectl.Output;
using Stoker.Api.Problems;

namespace Firectl;

/// <summary>The flags of every <c>list</c> verb, and the paging behind them.</summary>
internal sealed class Listing
{
    private readonly Option<string?> _filter = new("--filter") { Description = "Only resources that match, such as 'state=\"READY\" AND min_replica_count>0'" };
    private readonly Option<string?> _orderBy =
        new("--order-by") { Description = "Fields to order by, such as 'create_time desc'" };
    private readonly Option<int> _pageSize =
        new("--page-size") { Description = "Resources on a page", DefaultValueFactory = _ => 50 };
    private readonly Option<int> _pageToken = new("--page-token") { Description = "The page to show, from 0" };
    private readonly Option<bool> _noPaginate = new("--no-paginate") { Description = "Show all pages as one" };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _filter, _orderBy, _pageSize, _pageToken, _noPaginate }) command.Options.Add(option);
    }

    /// <summary>Lists a collection and prints the asked page.</summary>
    /// <param name="path">The collection's path with its own query parameters, if any.</param>
    /// <param name="collection">The key of the items in the answer.</param>
    public async Task<int> WriteAsync<T>(
        Invocation invocation, string path, string collection, JsonTypeInfo<T> type, IReadOnlyList<Column> columns, CancellationToken cancellation)
        where T : class
    {
        var (size, skip, all) = (invocation.Value(_pageSize), invocation.Value(_pageToken), invocation.Value(_noPaginate));
        if (size < 1)
        {
            throw new ProblemException(Problem.InvalidArgument($"--page-size must be at least 1, was {size}"));
        }

        if (skip < 0)
        {
            throw new ProblemException(Problem.InvalidArgument($"--page-token must be at least 0, was {skip}"));
        }

        var items = new JsonArray();
        var (token, page, total) = ("", 0, 0);
        do
        {
            var answer = await invocation.Server.GetAsync(Address(invocation, path, size, token), type, cancellation);
            var node = JsonSerializer.SerializeToNode(answer, type)!.AsObject();
            total = node["totalSize"]?.GetValue<int>() ?? 0;
            token = node["nextPageToken"]?.GetValue<string>() ?? "";
            if (all || page == skip)
            {
                foreach (var item in node[collection]!.AsArray()) items.Add(item!.DeepClone());
            }
        }
        while ((all || page++ < skip) && token.Length > 0);

        await invocation.Context.Output.WriteAsync(invocation.IsJson
            ? JsonOutput.Write(new JsonObject { [collection] = items, ["totalSize"] = total })
            : TableOutput.Write([.. items.Select(item => item!.AsObject())], columns, PageLine(all, skip, size, total), total));
        return 0;
    }

    private string Address(Invocation invocation, string path, int size, string token)
    {
        var query = new List<string> { $"pageSize={size.ToString(CultureInfo.InvariantCulture)}" };
        if (invocation.Value(_filter) is { } filter) query.Add($"filter={Uri.EscapeDataString(filter)}");
        if (invocation.Value(_orderBy) is { } order) query.Add($"orderBy={Uri.EscapeDataString(order)}");
        if (token.Length > 0) query.Add($"pageToken={Uri.EscapeDataString(token)}");
        return path + (path.Contains('?') ? "&" : "?") + string.Join('&', query);
    }

    private static string PageLine(bool all, int page, int size, int total) =>
        all ? "Page 1 of 1" : $"Page {page + 1} of {Math.Max(1, (total + Math.Min(size, 200) - 1) / Math.Min(size, 200))}";
}
