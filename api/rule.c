#include "api/rule.h"

#include <stddef.h>

struct rule {
    const char *code;
    const char *text;
    const char *advice; /* or NULL */
};

static const struct rule RULES[] = {
    {"OPENED", "Lượt VÀO này mở lượt gửi xe.", NULL},
    {"ENTRY_REPEATED", "Lượt VÀO lặp lại cùng mã; lượt đầu tiên được tính.", NULL},
    {"SUPERSEDED", "Xe đã ở trong bãi với một lượt khác; lượt này được giữ lại nhưng không tính.",
     NULL},
    {"IMPORTED", "Được chép từ cơ sở dữ liệu của hệ thống trước.", NULL},
    {"SIGHTED", "Xe được nhìn thấy trong bãi; vị trí của lượt đang mở được cập nhật.", NULL},
    {"CLOSED", "Lượt RA này đóng lượt gửi xe.", NULL},
    {"CLOSED_BY_PLATE",
     "Lượt RA ghi dưới mã khác nhưng cùng biển số, vào lúc lượt này đang mở, nên đóng lượt này.",
     NULL},
    {"EXIT_REPEATED", "Lượt RA lặp lại hoặc không còn hiệu lực; không thay đổi gì.", NULL},
    {"CHANGE_IN_FORCE", "Sửa đổi này đang có hiệu lực.", NULL},
    {"CHANGE_REPLACED", "Người sửa sau đã thấy sửa đổi này và thay thế nó.", NULL},
    {"CHANGE_LOST", "Hai người sửa cùng lúc ở hai nơi: xóa thắng sửa, rồi sửa đổi muộn hơn thắng.",
     NULL},
    {"ERASED", "Nội dung đã được xóa theo yêu cầu.", NULL},
    {"UNREADABLE", "Không đọc được nội dung.", NULL},
    {"NO_EFFECT", "Được ghi lại, không ảnh hưởng đến lượt gửi xe.", NULL},
    {"DUPLICATE", "Cùng trung tâm ghi VÀO hai lần trong vòng một phút; lượt sau không tính.", NULL},
    {"CONFLICT", "Hai lượt VÀO của một biển số mà không có lượt RA ở giữa; chỉ một lượt được tính.",
     "Xem ảnh của hai lượt: nếu một biển số đọc nhầm thì sửa biển số của lượt đó."},
    {"ID_COLLISION", "Hai lượt VÀO khác biển số dùng chung một mã.",
     "Kiểm tra camera gửi mã trùng; sửa biển số nếu lượt được giữ là sai."},
    {"EXIT_BEFORE_ENTRY", "Lượt RA có thời điểm trước lượt VÀO; thời gian gửi được tính là 0.",
     "So đồng hồ của hai trung tâm; sửa thời điểm vào hoặc ra."},
    {"DOUBLE_EXIT",
     "Hai lượt RA của cùng một lượt gửi đều đã thu tiền; lượt RA sớm nhất được tính.",
     "Đối chiếu tiền mặt ở hai cổng và hoàn lại một khoản nếu thu thừa."},
    {"EXTRA_EXIT", "Lượt gửi đã có lượt RA; lượt RA này chỉ được ghi lại.", NULL},
    {"ORPHAN_EXIT", "Lượt RA không có lượt VÀO nào đang mở.",
     "Tìm lượt VÀO có biển số gần giống (lookalike=true) và sửa biển số của nó."},
    {"FEE_DIFFERS", "Số tiền đã thu khác với số tiền theo thời gian gửi cuối cùng.",
     "Tiền đã thu không tự thay đổi; đối chiếu và ghi lý do nếu hoàn lại."},
};

static const struct rule *find(struct slice code)
{
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        if (slice_equal(code, slice_text(RULES[i].code))) {
            return &RULES[i];
        }
    }
    return NULL;
}

const char *rule_text(struct slice code)
{
    const struct rule *rule = find(code);

    return rule != NULL ? rule->text : "Được ghi lại để đối chiếu.";
}

const char *rule_advice(struct slice code)
{
    const struct rule *rule = find(code);

    return rule != NULL ? rule->advice : NULL;
}
