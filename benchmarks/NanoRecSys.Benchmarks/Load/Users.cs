using System.Net.Http.Json;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>Who can be asked for: all users of the served model.</summary>
internal static class Users
{
    private const int PageSize = 200; // the API's most
    private const int Enough = 200_000; // more users than a run asks for are not worth their time

    /// <exception cref="HttpRequestException">The API is away, or has no model yet.</exception>
    public static async Task<int[]> AllAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var ids = new List<int>();
        UserList page;
        do
        {
            page = await http.GetFromJsonAsync<UserList>(
                $"/users?limit={PageSize}&offset={ids.Count}", WireJson.Options, cancellationToken) ?? new UserList(0, []);
            ids.AddRange(page.Users.Select(user => user.UserId));
        }
        while (page.Users.Count > 0 && ids.Count < Math.Min(page.Total, Enough));

        return [.. ids];
    }
}
