"""Small data sets in the exact layout in which each is published: names, separators, headers, quoting,
encoding."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

U_ITEM = """1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0
543|Misérables, Les (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Mis%E9rables%2C%20Les%20%281995%29|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0
"""
U_DATA = "196\t1\t3\t881250949\n186\t543\t4\t891717742\n22\t1\t1\t878887116\n"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return path


def json_gz(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress("".join(f"{json.dumps(record)}\n" for record in records).encode()))


def literal_gz(path: Path, records: list[dict[str, Any]]) -> None:
    """Python 2 wrote these files: texts carry a u."""
    path.write_bytes(
        gzip.compress(
            "".join(f"{record!r}\n" for record in records).replace("'title': '", "u'title': u'").encode()
        )
    )


def movielens_100k(folder: Path) -> Path:
    members = {
        "ml-100k/README": b"...",
        "ml-100k/u.item": U_ITEM.encode("latin-1"),
        "ml-100k/u.data": U_DATA.encode(),
    }
    return zipped(folder / "ml-100k.zip", members)


def movielens_1m(folder: Path) -> Path:
    movies = (
        "1::Toy Story (1995)::Animation|Children's|Comedy\n73::Misérables, Les (1995)::Drama|Musical\n"
    ).encode("latin-1")
    ratings = b"1::1::5::978300760\n6040::73::3::956703932\n"
    (folder / "ml-1m").mkdir()
    (folder / "ml-1m" / "movies.dat").write_bytes(movies)
    (folder / "ml-1m" / "ratings.dat").write_bytes(ratings)
    return folder / "ml-1m"


def movielens_10m(folder: Path) -> Path:
    movies = "1::Toy Story (1995)::Adventure|Animation\n73::Misérables, Les (1995)::Drama\n".encode()
    return zipped(
        folder / "ml-10m.zip",
        {"ml-10M100K/movies.dat": movies, "ml-10M100K/ratings.dat": b"1::73::4.5::838985046\n"},
    )


def movielens_32m(folder: Path) -> Path:
    movies = (
        "movieId,title,genres\r\n1,Toy Story (1995),Adventure|Animation|Children|Comedy|Fantasy\r\n"
        '11,"American President, The (1995)",Comedy|Drama|Romance\r\n'
        '3,"""Great Performances"" Cats (1998)",Musical\r\n131264,Nobody\'s Film (2015),(no genres '
        "listed)\r\n"
    )
    ratings = (
        "userId,movieId,rating,timestamp\r\n1,1,4.0,944249077\r\n1,11,1.5,944250228\r\n2,131264,5.0,"
        "943230976\r\n"
    )
    tags = (
        'userId,movieId,tag,timestamp\r\n22,1,"pixar, of '
        'course",1255972400\r\n23,1,Toys,1255972401\r\n24,1,toys,1255972402\r\n'
    )
    members = {
        "movies.csv": movies,
        "ratings.csv": ratings,
        "tags.csv": tags,
        "links.csv": "movieId,imdbId,tmdbId\r\n1,0114709,862\r\n",
    }
    return zipped(folder / "ml-32m.zip", {f"ml-32m/{name}": text.encode() for name, text in members.items()})


def amazon_2014(folder: Path) -> Path:
    reviews = [
        {
            "reviewerID": "A1YJEY40YUW4SE",
            "asin": "7806397051",
            "reviewerName": "Andrea",
            "helpful": [3, 4],
            "reviewText": "Very oily and creamy.",
        }
        | {
            "overall": 1.0,
            "summary": "Don't waste your money",
            "unixReviewTime": 1391040000,
            "reviewTime": "01 30, 2014",
        },
        {
            "reviewerID": "A60XNB876KYML",
            "asin": "9759091062",
            "helpful": [1, 1],
            "reviewText": "Good.",
            "overall": 5.0,
            "summary": "OK",
        }
        | {"unixReviewTime": 1397779200, "reviewTime": "04 18, 2014"},
    ]
    products = [
        {
            "asin": "7806397051",
            "title": "WAWO 15 Color Professionl Makeup",
            "price": 2.99,
            "imUrl": "http://ecx.images-amazon.com/i.jpg",
        }
        | {
            "description": 'It\'s the "best" palette',
            "salesRank": {"Beauty": 5},
            "categories": [["Beauty", "Makeup", "Face"]],
            "brand": "Xcp",
        },
        {"asin": "9759091062", "categories": [["Beauty"], ["Beauty", "Skin Care"]]},
    ]
    json_gz(folder / "reviews_Beauty_5.json.gz", reviews)
    literal_gz(folder / "meta_Beauty.json.gz", products)
    return folder


def amazon_2018(folder: Path) -> Path:
    reviews = [
        {
            "overall": 5.0,
            "vote": "2",
            "verified": True,
            "reviewTime": "09 1, 2016",
            "reviewerID": "A3CIUOJXQ5VDQ2",
            "asin": "B0000530HU",
        }
        | {
            "style": {"Size:": " 7.0 oz"},
            "reviewerName": "Shelly F",
            "reviewText": "As advertised",
            "unixReviewTime": 1472688000,
        },
        {
            "overall": 2.0,
            "verified": False,
            "reviewTime": "11 14, 2013",
            "reviewerID": "A3H7T87S984REU",
            "asin": "B0000530HU",
        }
        | {"unixReviewTime": 1384387200},
    ]
    product = {
        "category": ["Beauty & Personal Care", "Shave"],
        "tech1": "",
        "description": ["After shave.", "Cools."],
        "fit": "",
        "also_buy": [],
    }
    product |= {
        "title": "Aqua Velva, <span>7 oz</span>",
        "brand": "Aqua Velva",
        "feature": ["Classic"],
        "rank": "65,003 in Beauty (",
        "price": "$5.99",
    }
    odd = {
        "category": [],
        "description": "one text, no list",
        "title": "Oddly kept",
        "price": "",
        "asin": "B000FI4S1E",
    }
    json_gz(folder / "Luxury_Beauty_5.json.gz", reviews)
    json_gz(
        folder / "meta_Luxury_Beauty.json.gz",
        [product | {"asin": "B0000530HU"}, product | {"asin": "B0000530HU"}, odd],
    )
    return folder


def amazon_2023(folder: Path) -> Path:
    reviews = [
        {
            "rating": 5.0,
            "title": "Such a lovely scent",
            "text": "This spray is nice.",
            "images": [],
            "asin": "B00YQ6X8EO",
            "parent_asin": "B00YQ6X8EO",
        }
        | {
            "user_id": "AGKHLEW2SOWHNMFQIJGBECAF7INQ",
            "timestamp": 1588687728923,
            "helpful_vote": 0,
            "verified_purchase": True,
        },
        {
            "rating": 3.0,
            "title": "Ok",
            "text": "",
            "images": [],
            "asin": "B07PNNCSP9",
            "parent_asin": "B097R46CSY",
        }
        | {
            "user_id": "AE74DYR3QUGVPZJ3P7RFWBGIX7XQ",
            "timestamp": 1589665266052,
            "helpful_vote": 2,
            "verified_purchase": False,
        },
    ]
    product = {
        "main_category": "All Beauty",
        "average_rating": 4.8,
        "rating_number": 10,
        "images": [],
        "videos": [],
        "bought_together": None,
    }
    products = [
        product
        | {
            "title": "Herbivore Coco Rose",
            "features": [],
            "description": ["A spray.", "With roses."],
            "price": 27.0,
        }
        | {
            "store": "Herbivore",
            "categories": ["Beauty", "Sprays"],
            "details": {"UPC": "1"},
            "parent_asin": "B00YQ6X8EO",
        },
        product
        | {
            "title": "Body Mist",
            "features": ["Fresh"],
            "description": [],
            "price": None,
            "store": None,
            "categories": [],
        }
        | {"details": {}, "parent_asin": "B097R46CSY"},
    ]
    json_gz(folder / "All_Beauty.jsonl.gz", reviews)
    json_gz(folder / "meta_All_Beauty.jsonl.gz", products)
    return folder


NEWS = (
    'N55528\tlifestyle\tlifestyleroyals\tThe Brands Queen Elizabeth "Swears" By\tShop the notebooks, '
    "jackets, and more.\t"
    'https://assets.msn.com/labs/mind/AAGH0ET.html\t[{"Label": "Prince Philip", "Type": "P"}]\t[]\n'
    "N19639\thealth\tweightloss\t50 Worst Habits For Belly Fat\t\thttps://assets.msn.com/labs/mind/AAB19MK.html\t[]\t[]\n"
)
BEHAVIORS = (
    "1\tU13740\t11/11/2019 9:05:58 AM\tN55189 N42782 N34694\tN55528-1 N19639-0\n2\tU91836\t11/12/2019 "
    "6:11:30 PM\t\tN19639-0 N55528-0\n"
)


def mind(folder: Path) -> Path:
    """Train as its archive, dev as a folder; both hold an impression 1."""
    zipped(
        folder / "MINDsmall_train.zip",
        {
            "news.tsv": NEWS.encode(),
            "behaviors.tsv": BEHAVIORS.encode(),
            "entity_embedding.vec": b"Q1\t0.1\n",
        },
    )
    (folder / "MINDsmall_dev").mkdir()
    (folder / "MINDsmall_dev" / "news.tsv").write_text(
        NEWS + "N3\tnews\tworld\tNew here\t\thttps://x\t[]\t[]\n"
    )
    (folder / "MINDsmall_dev" / "behaviors.tsv").write_text(
        "1\tU80234\t11/15/2019 12:37:50 PM\tN55189\tN3-1\n"
    )
    return folder


def goodreads(folder: Path) -> Path:
    book = {
        "isbn": "0312853122",
        "text_reviews_count": "1",
        "series": [],
        "language_code": "eng",
        "average_rating": "4.00",
        "similar_books": [],
    }
    book |= {
        "popular_shelves": [{"count": "3", "name": "to-read"}],
        "publisher": "St. Martin's Press",
        "num_pages": "256",
        "format": "Paperback",
    }
    book |= {"publication_year": "1984", "ratings_count": "3"}
    by = [{"author_id": "604031", "role": ""}, {"author_id": "626222", "role": "Editor"}]
    books = [
        book
        | {
            "book_id": "5333265",
            "title": "W.C. Fields: A Life on Film",
            "description": "A <i>life</i>.",
            "authors": by,
        },
        book | {"book_id": "1333909", "title": "Good Harbor", "description": "", "authors": by[:1]},
    ]
    event = {
        "user_id": "8842281e1d1347389f2ab93d60773d4d",
        "review_id": "5c4df7",
        "review_text_incomplete": "",
        "read_at": "",
        "started_at": "",
    }
    times = {"date_added": "Tue May 12 08:00:00 -0700 2015", "date_updated": "Sat Nov 11 08:05:51 -0800 2017"}
    events = [
        event | {"book_id": "5333265", "is_read": True, "rating": 5} | times,
        event | {"book_id": "1333909", "is_read": True, "rating": 2} | times,
        event | {"book_id": "1333909", "is_read": False, "rating": 0} | times,
    ]
    json_gz(folder / "goodreads_books_comics_graphic.json.gz", books)
    json_gz(folder / "goodreads_interactions_comics_graphic.json.gz", events)
    json_gz(
        folder / "goodreads_book_genres_initial.json.gz",
        [{"book_id": "5333265", "genres": {"history, biography": 1, "fiction": 3}}],
    )
    json_gz(
        folder / "goodreads_book_authors.json.gz",
        [{"author_id": "604031", "name": "Ronald J. Fields", "average_rating": "3.9"}],
    )
    return folder


def yelp(folder: Path) -> Path:
    business = {
        "business_id": "Pns2l4eNsfO8kk83dixA6A",
        "name": "Abby Rappoport, LAC, CMQ",
        "address": "1616 Chapala St",
        "city": "Santa Barbara",
    }
    business |= {
        "state": "CA",
        "postal_code": "93101",
        "latitude": 34.4,
        "longitude": -119.7,
        "stars": 5.0,
        "review_count": 7,
        "is_open": 0,
    }
    business |= {
        "attributes": {"ByAppointmentOnly": "True"},
        "categories": "Doctors, Traditional Chinese Medicine",
        "hours": None,
    }
    review = {
        "review_id": "KU_O5udG6zpxOg",
        "user_id": "mh_-eMZ6K5RLWhZyISBhwA",
        "business_id": "Pns2l4eNsfO8kk83dixA6A",
        "stars": 3.0,
    }
    review |= {
        "useful": 0,
        "funny": 0,
        "cool": 0,
        "text": "If you decide to eat here,\nbe aware.",
        "date": "2018-07-07 22:09:11",
    }
    bare = {
        "business_id": "mpf3x-BjTdTEA3yCZrAYPw",
        "name": "The UPS Store",
        "city": "Affton",
        "state": "MO",
        "attributes": None,
        "categories": None,
    }
    members = {
        "yelp_academic_dataset_business.json": [business, bare],
        "yelp_academic_dataset_review.json": [review],
    }
    members |= {"yelp_academic_dataset_checkin.json": [{"business_id": "x", "date": "2020-03-13 21:10:56"}]}
    return tarred(
        folder / "yelp_dataset.tar",
        {k: "".join(f"{json.dumps(row)}\n" for row in rows).encode() for k, rows in members.items()},
    )


STEAM_GAMES = [
    {
        "publisher": "Kotoshiro",
        "genres": ["Action", "Indie"],
        "app_name": "Lost Summoner Kitty",
        "title": "Lost Summoner Kitty",
        "id": "761140",
    }
    | {
        "url": "http://store.steampowered.com/app/761140/",
        "release_date": "2018-01-04",
        "tags": ["Strategy"],
        "specs": ["Single-player"],
    }
    | {"discount_price": 4.49, "price": 4.99, "early_access": False, "developer": "Kotoshiro"},
    {
        "app_name": "Battle Royale Trainer",
        "url": "http://store.steampowered.com/app/772540/",
        "price": "Free to Play",
        "id": "772540",
    },
    {"url": "http://store.steampowered.com/", "price": 19.99, "early_access": False},
]


def steam(folder: Path) -> Path:
    reviews = [
        {
            "username": "Chaos Syren",
            "hours": 0.1,
            "products": 41,
            "product_id": "772540",
            "page_order": 0,
            "date": "2017-12-17",
        }
        | {"text": "This would not be acceptable\nas entertainment.", "early_access": False, "page": 1},
        {
            "username": "⚡ Ariman ⚡",
            "products": 1386,
            "product_id": "761140",
            "page_order": 1,
            "date": "2017-08-02",
            "text": "addictive",
        },
    ]
    literal_gz(folder / "steam_games.json.gz", STEAM_GAMES)
    literal_gz(folder / "steam_reviews.json.gz", reviews)
    return folder


def steam_libraries(folder: Path) -> Path:
    games = [{"item_id": "772540", "item_name": "Trainer", "playtime_forever": 6, "playtime_2weeks": 0}]
    games += [{"item_id": "761140", "item_name": "Kitty", "playtime_forever": 0, "playtime_2weeks": 0}]
    users = [
        {
            "user_id": "76561197970982479",
            "items_count": 2,
            "steam_id": "76561197970982479",
            "user_url": "http://x",
            "items": games,
        },
        {
            "user_id": "js41637",
            "items_count": 0,
            "steam_id": "76561198035864385",
            "user_url": "http://y",
            "items": [],
        },
    ]
    literal_gz(folder / "steam_games.json.gz", STEAM_GAMES)
    literal_gz(folder / "australian_users_items.json.gz", users)
    return folder


def lastfm_hetrec(folder: Path) -> Path:
    artists = "id\tname\turl\tpictureURL\r\n51\tDuran Duran\thttp://www.last.fm/music/Duran+Duran\thttp://userserve-ak.last.fm/serve/252/155668.jpg\r\n"
    artists += '52\tSigur "Rós"\thttp://www.last.fm/music/Sigur\t\r\n'
    members = {
        "artists.dat": artists.encode(),
        "user_artists.dat": b"userID\tartistID\tweight\r\n2\t51\t13883\r\n",
        "tags.dat": b"tagID\ttagValue\r\n13\tchillout\r\n",
        "user_taggedartists.dat": b"userID\tartistID\ttagID\tday\tmonth\tyear\r\n2\t52\t13\t1\t4\t2009\r\n",
        "user_taggedartists-timestamps.dat": b"userID\tartistID\ttagID\ttimestamp\r\n2\t52\t13\t1238536800000\r\n"
        b"2\t52\t15\t1238536800000\r\n2\t51\t13\t1241128800000\r\n",
    }
    return zipped(folder / "hetrec2011-lastfm-2k.zip", members)


def lastfm_1k(folder: Path) -> Path:
    plays = (
        "user_000001\t2009-05-04T23:08:57Z\tf1b1cf71-bd35-4e99-8624-24a6e15f133a\tDeep Dish\t\tFuck "
        "Me Im Famous (Pacha Ibiza)-09-28-2007\n"
        "user_000001\t2009-05-04T13:54:10Z\ta7f7df4a-77d8-4f12-8acd-5c60c93f4de8\t坂本龍一\t\tComposition "
        "0919 (Live_2009_4_15)\n"
        'user_001000\t2009-05-03T15:48:25Z\t\tNo "Id\t\tUntitled\n'
    )
    return tarred(
        folder / "lastfm-dataset-1K.tar.gz",
        {"lastfm-dataset-1K/userid-timestamp-artid-artname-traid-traname.tsv": plays.encode()},
    )


def recbole(folder: Path) -> Path:
    inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t4\t891717742\n"
    item = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n242\tKolya\t1996\tComedy\n302\tL.A. Confidential\t"
    (folder / "ml-100k").mkdir()
    (folder / "ml-100k" / "ml-100k.inter").write_text(inter)
    (folder / "ml-100k" / "ml-100k.item").write_text(item + "1997\tCrime Film-Noir\n")
    (folder / "ml-100k" / "ml-100k.user").write_text("user_id:token\tage:token\n196\t49\n")
    return folder / "ml-100k"


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "movielens-100k": movielens_100k,
    "movielens-1m": movielens_1m,
    "movielens-10m": movielens_10m,
    "movielens-csv": movielens_32m,
    "amazon-2014": amazon_2014,
    "amazon-2018": amazon_2018,
    "amazon-2023": amazon_2023,
    "mind": mind,
    "goodreads": goodreads,
    "yelp": yelp,
    "steam": steam,
    "steam-libraries": steam_libraries,
    "lastfm-hetrec": lastfm_hetrec,
    "lastfm-1k": lastfm_1k,
    "recbole": recbole,
}
"""Format to a function that writes it into a folder and returns what `--from` would name."""
